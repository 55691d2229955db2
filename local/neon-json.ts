import type { Result } from './postgres.ts'

/** Values on their way between JSON and PostgreSQL's text, as Neon's proxy writes them. */

/** A parameter. */
export function text(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value
  return Array.isArray(value) ? arrayText(value) : JSON.stringify(value)
}

function arrayText(value: unknown): string {
  if (value === null) return 'NULL'
  if (Array.isArray(value)) return `{${value.map(arrayText).join(',')}}`
  return JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : value)
}

/** The type of an array's elements, by that of the array. */
export type Elements = Map<number, number>

/** Without elements, every value stays the text that it is: Neon-Raw-Text-Output. */
export function shape({ command, rowCount, fields, rows }: Result, rowAsArray: boolean, elements?: Elements) {
  const readers = fields.map(({ dataTypeID }) => elements && reader(dataTypeID, elements))
  const read = (value: string | null, i: number) => (value === null ? null : (readers[i]?.(value) ?? value))
  const values = elements ? rows.map((row) => row.map(read)) : rows
  const object = (row: unknown[]) => Object.fromEntries(fields.map(({ name }, i) => [name, row[i]]))
  return { command, rowCount, rows: rowAsArray ? values : values.map(object), fields, rowAsArray }
}

type Reader = (value: string) => unknown

const number: Reader = (value) => (Number.isFinite(Number(value)) ? Number(value) : value)
const json: Record<number, Reader> = {
  16: (value) => value === 't',
  21: number,
  23: number,
  700: number,
  701: number,
  114: JSON.parse,
  3802: JSON.parse,
}

function reader(type: number, elements: Elements): Reader | undefined {
  const element = elements.get(type)
  return element === undefined ? json[type] : (value) => array(value, json[element] ?? ((item) => item))
}

/** `[1:2]={{1,NULL},{"a \"b\"",c}}`: bounds that JSON has no place for, then braces, quotes and commas. */
function array(text: string, read: Reader): unknown[] {
  const tokens = text.replace(/^\[[^=]*=/, '').matchAll(/[{}]|"((?:\\.|[^"\\])*)"|[^{},"\s][^{},"]*/gs)
  const top: unknown[] = []
  const open = [top]
  for (const [token, quoted] of tokens) {
    const inner = open.at(-1) as unknown[]
    if (token === '{') {
      const list: unknown[] = []
      inner.push(list)
      open.push(list)
    } else if (token === '}') open.pop()
    else if (quoted !== undefined) inner.push(read(quoted.replace(/\\(.)/gs, '$1')))
    else inner.push(token.trimEnd() === 'NULL' ? null : read(token.trimEnd()))
  }
  return top[0] as unknown[]
}
