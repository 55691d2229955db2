import type { HonoRequest } from 'hono'

/** A list of entity tags, or `*`, which any current representation matches (RFC 9110 §8.8.3, §13.1). */
export type EntityTags = '*' | readonly string[]

const TAG = /(W\/)?"([^"]*)"/g

/**
 * The opaque parts, without quotes and `W/`: If-None-Match compares weakly (§13.1.2), and If-Match does so here too,
 * because a CDN that compresses an answer weakens its tag, and ours names the task whatever the coding.
 * A header with anything else in it is no list: it names no tag at all.
 */
export function parseEntityTags(header: string | undefined): EntityTags | undefined {
  if (header === undefined) return undefined
  if (header.trim() === '*') return '*'
  if (!/^[\s,]*$/.test(header.replace(TAG, ''))) return []
  return Array.from(header.matchAll(TAG), ([, , opaque]) => opaque as string)
}

const matches = (tags: EntityTags, tag: string) => tags === '*' || tags.includes(tag)

/** What a GET answers in place of its representation: RFC 9110 §13.2.2, steps 1 and 3. */
export function precondition(req: HonoRequest, tag: string): 304 | 412 | undefined {
  const ifMatch = parseEntityTags(req.header('If-Match'))
  if (ifMatch && !matches(ifMatch, tag)) return 412
  const ifNoneMatch = parseEntityTags(req.header('If-None-Match'))
  return ifNoneMatch && matches(ifNoneMatch, tag) ? 304 : undefined
}

/** The tags that a task may have to be changed; null for any. */
export interface Tags {
  only: readonly string[] | null
  except: readonly string[]
}

/** The preconditions of a PUT, PATCH or DELETE, for the statement that holds them to the row as it is then. */
export function tags(req: HonoRequest): Tags {
  const ifMatch = parseEntityTags(req.header('If-Match'))
  const ifNoneMatch = parseEntityTags(req.header('If-None-Match'))
  // `If-None-Match: *` asks that there be no task: on one that is there, no tag will do.
  if (ifNoneMatch === '*') return { only: [], except: [] }
  return { only: ifMatch === undefined || ifMatch === '*' ? null : ifMatch, except: ifNoneMatch ?? [] }
}
