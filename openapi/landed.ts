import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { breaking } from './breaking.ts'
import type { Schema } from './schemas.ts'

const FILE = 'public/openapi.json'
const declared = join(import.meta.dirname, 'breaking.json')

/** The documents that clients were made from: the last that landed and the one before it. None outside a clone. */
function landed(): Schema[] {
  const base = git('merge-base', 'HEAD', 'origin/main') ?? git('rev-parse', 'HEAD') ?? ''
  const commits = git('log', '-n', '2', '--format=%H', base.trim(), '--', FILE) ?? ''
  const texts = commits.split('\n').map((commit) => commit && git('show', `${commit}:${FILE}`))
  return texts.filter((text): text is string => Boolean(text)).map((text) => JSON.parse(text))
}

function git(...args: string[]): string | undefined {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    return execFileSync('git', args, {
      cwd: join(import.meta.dirname, '..'),
      encoding: 'utf8',
      stdio,
      maxBuffer: 2 ** 26,
    })
  } catch {
    return undefined
  }
}

const escaped = (text: string) => text.replace(/[.?+^${}()|[\]\\]/g, '\\$&')

/** Throws when a client would break that was made from a landed document, unless breaking.json says so, and why. */
export function assertNothingBreaks(document: Schema): void {
  const changes = JSON.parse(readFileSync(declared, 'utf8')) as { change: string }[]
  const known = changes.map(({ change }) => new RegExp(`^${change.split('*').map(escaped).join('.*')}$`))
  const lines = landed().flatMap((base) => breaking(base, document))
  const undeclared = [...new Set(lines)].filter((line) => !known.some((change) => change.test(line)))
  if (undeclared.length === 0) return
  throw new Error(`clients of the last document would break. If that is meant, openapi/breaking.json
says so with { "change": one of these lines, with * for any part, "why": a reason for those who use the API }:
${undeclared.map((line) => `  ${line}`).join('\n')}`)
}
