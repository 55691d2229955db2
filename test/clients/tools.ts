import { execFile } from 'node:child_process'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Where this runs, and where everything that is generated, compiled or installed goes. */
export const here = import.meta.dirname
export const generated = join(here, 'generated')
const document = join(here, '../../public/openapi.json')

export interface Tool {
  name: string
  version: string
  /** Only with --all: too long for every run. */
  slow?: boolean
  /** What is not the generator's work: from a registry. Where this fails the tool is left out, and the run says so. */
  install?(): Promise<unknown>
  generate(): Promise<unknown>
  compile(): Promise<unknown>
  /** The program that uses the client. */
  program: [command: string, ...args: string[]]
  env?: Record<string, string>
}

/** Runs a program; when it fails the error is all that it wrote. */
export async function run(
  [command, ...args]: [string, ...string[]],
  env: Record<string, string> = {},
  cwd = here,
) {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 }
  await promisify(execFile)(command, args, options).catch((error) => {
    throw new Error(
      `${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? error.message}`.trim(),
    )
  })
}

const { devDependencies } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'))
const versions = (...names: string[]) => names.map((name) => `${name} ${devDependencies[name]}`).join(' + ')
const bin = (name: string) => join(here, 'node_modules/.bin', name)

/** A program in typescript/, which imports what was generated. */
function typescript(file: string): Pick<Tool, 'compile' | 'program'> {
  const source = `typescript/${file}.ts`
  const bundle = `generated/${file}.mjs`
  const strict = ['--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', '--noEmit', '--types', 'node']
  const target = [
    '--target',
    'es2022',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--lib',
    'es2022,dom,dom.iterable',
  ]
  return {
    async compile() {
      await run([bin('tsc'), ...strict, ...target, source])
      await run([
        bin('esbuild'),
        source,
        '--bundle',
        '--platform=node',
        '--format=esm',
        `--outfile=${bundle}`,
        '--log-level=error',
      ])
    },
    program: [process.execPath, bundle],
  }
}

/** A program in python/ in an environment of its own, with what its list of requirements names. */
function python(name: string): Pick<Tool, 'install' | 'compile' | 'program' | 'env'> & { bin: string } {
  const venv = join(generated, name, 'venv')
  const env = { PYTHONPATH: join(generated, name), MYPYPATH: join(generated, name) }
  return {
    async install() {
      await run(['python3', '-m', 'venv', venv])
      await run([
        join(venv, 'bin/pip'),
        'install',
        '-q',
        '--no-compile',
        '--disable-pip-version-check',
        '-r',
        `python/${name}.txt`,
      ])
    },
    compile: () =>
      run([join(venv, 'bin/mypy'), '--strict', '--follow-imports=silent', `python/${name}.py`], env),
    program: [join(venv, 'bin/python'), `python/${name}.py`],
    env,
    bin: join(venv, 'bin'),
  }
}

const OPENAPI_GENERATOR = '7.22.0'
const jar = join(generated, `openapi-generator-cli-${OPENAPI_GENERATOR}.jar`)
const coordinates = `org.openapitools:openapi-generator-cli:${OPENAPI_GENERATOR}`
let fetchingJar: Promise<void> | undefined
const installJar = () =>
  (fetchingJar ??= run([
    'mvn',
    '-q',
    'dependency:copy',
    `-Dartifact=${coordinates}`,
    `-DoutputDirectory=${generated}`,
  ]))
const openapiGenerator = (language: string, folder: string, ...options: string[]) =>
  run([
    'java',
    '-jar',
    jar,
    'generate',
    '-i',
    document,
    '-g',
    language,
    '-o',
    join(generated, folder),
    ...options,
  ])

const OAPI_CODEGEN = 'v2.8.2'
const goFolder = join(generated, 'go')
const pythonClient = python('openapi_python_client')
const pythonGenerator = python('openapi_generator')

export const tools: Tool[] = [
  {
    name: 'openapi-typescript',
    version: versions('openapi-typescript', 'openapi-fetch'),
    generate: () => run([bin('openapi-typescript'), document, '-o', 'generated/openapi-typescript.d.ts']),
    ...typescript('openapi-fetch'),
  },
  {
    name: 'hey-api',
    version: versions('@hey-api/openapi-ts'),
    generate: () =>
      run([bin('openapi-ts'), '-i', document, '-o', 'generated/hey-api', '-c', '@hey-api/client-fetch']),
    ...typescript('hey-api'),
  },
  {
    name: 'orval',
    version: versions('orval'),
    generate: () => run([bin('orval'), '--config', 'orval.config.mjs']),
    ...typescript('orval'),
  },
  {
    ...pythonClient,
    name: 'openapi-python-client',
    version: '0.29.1',
    generate: () =>
      run(
        [
          'openapi-python-client',
          'generate',
          '--path',
          document,
          '--meta',
          'none',
          '--output-path',
          join(generated, 'openapi_python_client/tasks_api'),
        ],
        { PATH: `${pythonClient.bin}:${process.env.PATH}` },
      ),
  },
  {
    name: 'oapi-codegen',
    version: OAPI_CODEGEN,
    slow: true,
    install: () =>
      run(['go', 'install', `github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@${OAPI_CODEGEN}`], {
        GOBIN: generated,
      }),
    async generate() {
      await cp(join(here, 'go'), goFolder, { recursive: true })
      await mkdir(join(goFolder, 'api'))
      await run([join(generated, 'oapi-codegen'), '-config', 'oapi-codegen.yaml', document], {}, goFolder)
    },
    compile: () => run(['go', 'build', '-o', 'use', '.'], {}, goFolder),
    program: [join(goFolder, 'use')],
  },
  {
    name: 'openapi-generator-typescript',
    version: OPENAPI_GENERATOR,
    slow: true,
    install: installJar,
    generate: () => openapiGenerator('typescript-fetch', 'openapi-generator-typescript'),
    ...typescript('openapi-generator'),
  },
  {
    ...pythonGenerator,
    name: 'openapi-generator-python',
    version: OPENAPI_GENERATOR,
    slow: true,
    install: () => Promise.all([installJar(), pythonGenerator.install?.()]),
    generate: () => openapiGenerator('python', 'openapi_generator', '--package-name', 'tasks_api'),
  },
  {
    name: 'openapi-generator-java',
    version: OPENAPI_GENERATOR,
    slow: true,
    install: installJar,
    async generate() {
      await openapiGenerator(
        'java',
        'java',
        '--library',
        'native',
        '--additional-properties=useJakartaEe=true',
      )
      await cp(join(here, 'java/Use.java'), join(generated, 'java/src/main/java/Use.java'))
    },
    compile: () =>
      run(
        [
          'mvn',
          '-q',
          '-DskipTests',
          '-Dmaven.javadoc.skip',
          'compile',
          'dependency:copy-dependencies',
          '-DincludeScope=runtime',
        ],
        {},
        join(generated, 'java'),
      ),
    program: ['java', '-cp', 'generated/java/target/classes:generated/java/target/dependency/*', 'Use'],
  },
]
