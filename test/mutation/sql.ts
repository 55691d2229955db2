/** Each match of each makes a mutant. In the text that they read, «0» stands for the first placeholder. */
const RULES: [what: RegExp, becomes: string][] = [
  [/\band\b/g, 'or'],
  [/\bor\b/g, 'and'],
  [/\bnot (?!distinct)/g, ''],
  [/\bis not distinct from\b/g, 'is distinct from'],
  [/\bis distinct from\b/g, 'is not distinct from'],
  [/\bis null\b/g, 'is not null'],
  [/(?<= )=(?= (?!any))/g, '<>'],
  [/= any\(/g, '= all('],
  [/<> all\(/g, '= any('],
  [/<> all\(/g, '<> any('],
  [/ < /g, ' <= '],
  [/ < /g, ' > '],
  [/ > /g, ' >= '],
  [/ > /g, ' < '],
  [/\bwhen (?=\S)/g, 'when not '],
  [/\btrue\b/g, 'false'],
  [/ \+ 1\b/g, ''],
  [/\b(?:greatest|coalesce)\((\S+), (\S+)\)(?=,| as)/g, '$1'],
  [/\b(?:greatest|coalesce)\((\S+), (\S+)\)(?=,| as)/g, '$2'],
  [/\bleft join\b/g, 'join'],
  [/ desc\b/g, ''],
  [/\border by (?:[\w.]+(?: desc)?(?:, )?)+/g, ''],
  [/\blimit (?:\d+|\([^)]*\))/g, ''],
  [/\bfor update\b/g, ''],
]

/** What an `=` after it assigns, and does not compare. */
const ASSIGNMENTS = /\bset\b(?:(?!\b(?:from|where)\b).)*/gs
const PREDICATE_BEGINS = /\b(?:where|and|or|on|when)\s+|^(?=\S+ [=<>])/g
const PREDICATE_ENDS = /[),]|\s+(?:and|or|as|then|order|limit|for|returning|union)\b|(?<=») (?=«)|\s*$/y

/** The text with one thing changed, in every way that the rules know. */
export function* mutants(text: string): Iterable<string> {
  const assignments = [...text.matchAll(ASSIGNMENTS)].map(
    ({ index, 0: { length } }) => [index, index + length] as const,
  )
  const assigns = (at: number) => assignments.some(([start, end]) => at >= start && at < end)
  for (const [what, becomes] of RULES) {
    for (const { 0: found, index } of text.matchAll(what)) {
      if (found === '=' && assigns(index)) continue
      const here = new RegExp(what, 'y')
      here.lastIndex = index
      yield text.replace(here, becomes)
    }
  }
  for (const { 0: begin, index } of text.matchAll(PREDICATE_BEGINS)) {
    const start = index + begin.length
    const end = endOfPredicate(text, start)
    if (text.slice(start, end) !== 'true') yield `${text.slice(0, start)}true${text.slice(end)}`
  }
}

function endOfPredicate(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    PREDICATE_ENDS.lastIndex = at
    if (depth === 0 && PREDICATE_ENDS.test(text)) return at
    if (text[at] === '(') depth += 1
    if (text[at] === ')') depth -= 1
  }
  return text.length
}

/** As Stryker's own mutators are. It has no plugins of this kind, but its list of them is open. */
interface Mutator {
  name: string
  mutate(path: { node: object }): Iterable<object>
}

interface Template {
  type: string
  tag: { name?: string }
  quasi: { quasis: Quasi[]; expressions: object[] }
}

interface Quasi {
  value: { raw: string; cooked: string }
}

const isSql = (node: object): node is Template => {
  const { type, tag } = node as Template
  return type === 'TaggedTemplateExpression' && tag.name === 'sql'
}

const sql: Mutator = {
  name: 'Sql',
  *mutate({ node }) {
    if (!isSql(node)) return
    const { quasis, expressions } = node.quasi
    const text = quasis.map(({ value }, i) => (i === 0 ? value.raw : `«${i - 1}»${value.raw}`)).join('')
    for (const mutant of new Set(mutants(text))) {
      const texts = mutant.split(/«\d+»/)
      yield {
        ...node,
        quasi: {
          ...node.quasi,
          quasis: texts.map((raw, i) => ({
            ...quasis[0],
            value: { raw, cooked: raw },
            tail: i === texts.length - 1,
          })),
          expressions: [...mutant.matchAll(/«(\d+)»/g)].map(([, i]) => expressions[Number(i)]),
        },
      }
    }
  },
}

// The package does not export the list, so it is found by its path.
const path = './node_modules/@stryker-mutator/instrumenter/dist/src/mutators/mutate.js'
const { allMutators }: { allMutators: Mutator[] } = await import(new URL(path, import.meta.url).href)
allMutators.push(sql)

/** Nothing that Stryker knows as a plugin, but it loads no module without. */
export const strykerPlugins = []
