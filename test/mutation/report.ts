import { readFile, writeFile } from 'node:fs/promises'
import type { schema } from '@stryker-mutator/api/core'

/** File → line of code → mutation → why no test can, or need, tell it from the original. */
type Explanations = Record<string, Record<string, Record<string, string>>>

const read = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, 'utf8'))
const here = (file: string) => `${import.meta.dirname}/${file}`

/** Words of either text beside those that differ. */
const CONTEXT = 2
const LONG = 80

/** Reports of parts of the files, by their paths; else that of the last run. */
const paths = process.argv.length > 2 ? process.argv.slice(2) : [here('../../dist/mutation/report.json')]
const reports = await Promise.all(paths.map((path) => read<schema.MutationTestResult>(path)))
const files = Object.assign({}, ...reports.map((report) => report.files)) as schema.FileResultDictionary
const explained = await read<Explanations>(here('survivors.json'))

/** What the mutant changes, without what it leaves, and the line on which the change begins. */
function changeOf(source: string, { location: { start, end }, replacement = '' }: schema.MutantResult) {
  const offset = ({ line, column }: schema.Position) =>
    source.split('\n', line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1
  const before = source.slice(offset(start), offset(end)).split(/(\s+)/)
  const after = replacement.split(/(\s+)/)
  const same = (a: string[], b: string[]) => {
    const until = a.findIndex((word, i) => word !== b[i] && !(isSpace(word) && isSpace(b[i])))
    return until < 0 ? Math.min(a.length, b.length) : until
  }
  const head = same(before, after)
  const tail = Math.min(
    same(before.toReversed(), after.toReversed()),
    before.length - head,
    after.length - head,
  )
  const at = offset(start) + before.slice(0, head).join('').length
  const line = source.slice(0, at).split('\n').length
  const cut = (words: string[]) => {
    const from = Math.max(0, head - 2 * CONTEXT)
    const text = words.slice(from, words.length - Math.max(0, tail - 2 * CONTEXT)).join('')
    return shorten(text.replace(/\s+/g, ' ').trim())
  }
  return {
    line,
    code: (source.split('\n')[line - 1] as string).trim(),
    mutation: `${cut(before)} → ${cut(after)}`,
  }
}

const isSpace = (text?: string) => text !== undefined && /^\s+$/.test(text)

const shorten = (text: string) =>
  text.length <= LONG ? text : `${text.slice(0, LONG / 2)} … ${text.slice(-LONG / 2)}`

const quote = (text: string) => `\`${text.replaceAll('|', '\\|').replaceAll('`', "'")}\``

const scores: string[] = []
const survivors: string[] = []
const total = { killed: 0, survived: 0, explained: 0 }
let unexplained = 0

for (const [file, { source, mutants }] of Object.entries(files).sort()) {
  const of = (...statuses: schema.MutantStatus[]) => mutants.filter(({ status }) => statuses.includes(status))
  const killed = of('Killed', 'Timeout').length
  const alive = of('Survived', 'NoCoverage')
    .map((mutant) => ({ ...changeOf(source, mutant), ...mutant }))
    .sort((a, b) => a.line - b.line)
  let known = 0
  for (const { line, code, mutation, status } of alive) {
    const why = explained[file]?.[code]?.[mutation]
    if (why) known += 1
    const said = why ?? (status === 'NoCoverage' ? '**no test runs it**' : '**?**')
    survivors.push(`| ${file}:${line} | ${quote(code)} | ${quote(mutation)} | ${said} |`)
  }
  scores.push(row(file, { killed, survived: alive.length, explained: known }))
  total.killed += killed
  total.survived += alive.length
  total.explained += known
  unexplained += alive.length - known
}

function row(name: string, { killed, survived, explained }: typeof total): string {
  const score = (100 * killed) / (killed + survived)
  return `| ${name} | ${killed + survived} | ${killed} | ${survived} | ${explained} | ${score.toFixed(1)} % |`
}

const text = `# Mutants

| file | mutants | killed | survived | of these explained | score |
|---|--:|--:|--:|--:|--:|
${[...scores, row('**all**', total)].join('\n')}

## Survivors

| where | line | mutation | why |
|---|---|---|---|
${survivors.join('\n')}
`
await writeFile(here('results.md'), text)
if (unexplained > 0) {
  process.exitCode = 1
  process.stderr.write(`${unexplained} survivors without an explanation: see test/mutation/results.md\n`)
}
