import type { HonoRequest } from 'hono'

/** A list of entity tags, or `*`, which any current representation matches (RFC 9110 §8.8.3, §13.1). */
export type EntityTags = '*' | readonly string[]

const TAG = /(W\/)?("[^"]*")/g

/**
 * The opaque parts, without `W/`: If-None-Match compares weakly (§13.1.2), and If-Match does so here too, because
 * a CDN that compresses an answer weakens its tag, and a version names the task whatever the coding.
 * A header with anything else in it is no list: it names no tag at all.
 */
export function parseEntityTags(header: string | undefined): EntityTags | undefined {
  if (header === undefined) return undefined
  if (header.trim() === '*') return '*'
  if (!/^[\s,]*$/.test(header.replace(TAG, ''))) return []
  return Array.from(header.matchAll(TAG), ([, , opaque]) => opaque as string)
}

const matches = (tags: EntityTags, etag: string) => tags === '*' || tags.includes(etag)

/** What a GET answers in place of its representation: RFC 9110 §13.2.2, steps 1 and 3. */
export function precondition(req: HonoRequest, etag: string): 304 | 412 | undefined {
  const ifMatch = parseEntityTags(req.header('If-Match'))
  if (ifMatch && !matches(ifMatch, etag)) return 412
  const ifNoneMatch = parseEntityTags(req.header('If-None-Match'))
  return ifNoneMatch && matches(ifNoneMatch, etag) ? 304 : undefined
}

/** The versions that a change may be made to; null for any. */
export interface Versions {
  only: readonly number[] | null
  except: readonly number[]
}

/** The preconditions of a PUT, PATCH or DELETE, for the statement that holds them to the row as it is then. */
export function versions(req: HonoRequest): Versions {
  const ifMatch = parseEntityTags(req.header('If-Match'))
  const ifNoneMatch = parseEntityTags(req.header('If-None-Match'))
  // `If-None-Match: *` asks that there be no task: on one that is there, no version will do.
  if (ifNoneMatch === '*') return { only: [], except: [] }
  return {
    only: ifMatch === undefined || ifMatch === '*' ? null : ifMatch.flatMap(version),
    except: ifNoneMatch?.flatMap(version) ?? [],
  }
}

/** `"7"` → [7]; a tag that this API never made → []. */
function version(tag: string): number[] {
  const [, digits] = /^"([1-9]\d{0,8})"$/.exec(tag) ?? []
  return digits ? [Number(digits)] : []
}
