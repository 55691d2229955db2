import { readFile } from 'node:fs/promises'

/** V8's sampling profiler in a running workerd, over its inspector. */
export async function startProfile(inspectorPort: number): Promise<() => Promise<Profile>> {
  const [target] = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json`)).json()) as {
    webSocketDebuggerUrl: string
  }[]
  const socket = new WebSocket(target?.webSocketDebuggerUrl as string)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')), { once: true })
  })
  let last = 0
  const ask = (method: string, params = {}) =>
    new Promise<{ profile: Profile }>((resolve) => {
      const id = ++last
      const listen = ({ data }: MessageEvent) => {
        const message = JSON.parse(data)
        if (message.id !== id) return
        socket.removeEventListener('message', listen)
        resolve(message.result)
      }
      socket.addEventListener('message', listen)
      socket.send(JSON.stringify({ id, method, params }))
    })
  await ask('Profiler.enable')
  await ask('Profiler.setSamplingInterval', { interval: 200 })
  await ask('Profiler.start')
  return async () => {
    const { profile } = await ask('Profiler.stop')
    socket.close()
    return profile
  }
}

export interface Profile {
  nodes: {
    id: number
    callFrame: { functionName: string; lineNumber: number; url: string }
    children?: number[]
  }[]
  samples: number[]
  timeDeltas: number[]
}

export interface Share {
  name: string
  /** Of the time that the isolate was at work. */
  share: number
}

/** Where the isolate was, by function and by module: each sample counts for the innermost frame alone. */
export function shares(profile: Profile, modules: string[]): { functions: Share[]; modules: Share[] } {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const functions = new Map<string, number>()
  const sources = new Map<string, number>()
  let total = 0
  profile.samples.forEach((id, i) => {
    const frame = frames.get(id)
    const time = profile.timeDeltas[i] ?? 0
    if (!frame || frame.functionName === '(idle)') return
    // What is not in the bundle is workerd's: (program), its built-in modules, and functions of the platform.
    const bundled = frame.url.endsWith('index.js')
    const source = bundled ? (modules[frame.lineNumber] ?? 'the bundle') : frame.url || 'the platform'
    const name =
      `${frame.functionName || 'anonymous'} ${bundled ? `(${source}:${frame.lineNumber})` : ''}`.trim()
    total += time
    functions.set(name, (functions.get(name) ?? 0) + time)
    sources.set(packageOf(source), (sources.get(packageOf(source)) ?? 0) + time)
  })
  const sorted = (times: Map<string, number>) =>
    [...times].map(([name, time]) => ({ name, share: time / total })).sort((a, b) => b.share - a.share)
  return { functions: sorted(functions), modules: sorted(sources) }
}

const packageOf = (source: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? source

/** For each line of a readable bundle, the source file it came from: esbuild names it in a comment. */
export async function modulesOf(bundle: string): Promise<string[]> {
  let module = 'the bundle'
  return (await readFile(bundle, 'utf8')).split('\n').map((line) => {
    module = /^\/\/ (\S+\.(?:[cm]?[jt]s|json))$/.exec(line)?.[1]?.replace(/^(\.\.\/)+/, '') ?? module
    return module
  })
}
