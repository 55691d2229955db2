import { readFile } from 'node:fs/promises'

/** The files that docs/auth-server.md shows whole, by the name in their first line. */
export async function documented(): Promise<Record<string, string>> {
  const text = await readFile('docs/auth-server.md', 'utf8')
  const blocks = text.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)
  return Object.fromEntries(Array.from(blocks, ([, name = '', code = '']) => [name, code]))
}
