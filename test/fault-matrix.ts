import type { Fault } from './faults.ts'

/** What the statements of a request have together, in milliseconds. */
export const DEADLINE_MS = 8_500

/**
 * The answers, by what is wrong with an upstream and by what it is asked at that moment:
 *
 *   ok            the route's own success
 *   in time       the same, or 503 where the machine took the rest of the deadline: then not before that was over
 *   unavailable   503: nothing was changed
 *   unknown       503: the database did not confirm the write, which may or may not have taken effect
 *   late          503: one of the two, as little or no time was left for the write
 *   ok ×2         … after the statement was sent twice; a write never is
 */
export type Outcome = 'ok' | 'in time' | 'ok ×2' | 'unavailable' | 'unavailable ×2' | 'unknown' | 'late'

export interface DatabaseRow {
  fault: Fault
  /** Every read. */
  read: Outcome
  /** The same when only the first send meets the fault. */
  once: Outcome
  /** A write by a user whom the isolate does not know: the look-up of the session meets the fault too. */
  lookUp: Outcome
  /** A write of which only the statement itself meets it, and what is stored in the end. */
  write: Outcome
  stored: 'yes' | 'no'
  /** The log line's `fault`, where there is one. */
  log: string | RegExp
}

const row = (
  fault: Fault,
  [read, once, lookUp, write]: [Outcome, Outcome, Outcome, Outcome],
  stored: DatabaseRow['stored'],
  log: DatabaseRow['log'] = '',
): DatabaseRow => ({ fault, read, once, lookUp, write, stored, log })

const HEALTHY: [Outcome, Outcome, Outcome, Outcome] = ['ok', 'ok', 'ok', 'ok']
/** Worth a second try. */
const PASSING: typeof HEALTHY = ['unavailable ×2', 'ok ×2', 'unavailable ×2', 'unknown']
/** Not worth one: no time is left for it, or the answer would be the same. */
const LASTING: typeof HEALTHY = ['unavailable', 'unavailable', 'unavailable', 'unknown']
/** Somebody's word that the statement was rolled back, or never ran. */
const REFUSED: typeof HEALTHY = ['unavailable', 'unavailable', 'unavailable', 'unavailable']
/** The same, where the next try may find the compute awake. */
const WAKING: typeof HEALTHY = ['unavailable ×2', 'ok ×2', 'unavailable ×2', 'unavailable']

export const DATABASE: readonly DatabaseRow[] = [
  row('none', HEALTHY, 'yes'),
  row('refused', PASSING, 'no', 'connection lost'),
  row('reset', PASSING, 'no', 'connection lost'),
  row('reset,after', PASSING, 'yes', 'connection lost'),
  row('hang', LASTING, 'no', 'timeout'),
  row('hang,after', LASTING, 'yes', 'timeout'),
  row('delay,ms=50', HEALTHY, 'yes'),
  row('delay,ms=2000', HEALTHY, 'yes'),
  // After a look-up of 8 s, less than one is left for the write.
  row('delay,ms=8000', ['in time', 'in time', 'late', 'in time'], 'yes', /timeout|no time left/),
  row('status,code=500', PASSING, 'no', 'HTTP 500'),
  row('html,code=502', PASSING, 'no', 'HTTP 502'),
  row('status,code=503', PASSING, 'no', 'HTTP 503'),
  // None of Neon's own: whoever it is that stands in between.
  row('status,code=429', LASTING, 'no', 'HTTP 429'),
  row('status,code=400', PASSING, 'no', 'connection lost'),
  row('html,code=400', PASSING, 'no', 'malformed answer'),
  row('html,code=200', PASSING, 'no', 'malformed answer'),
  row('status,code=200', PASSING, 'no', 'malformed answer'),
  row('truncated', PASSING, 'yes', 'malformed answer'),
  row('early-close', PASSING, 'yes', 'connection lost'),
  row('wrong-types', PASSING, 'yes', 'malformed answer'),
  row('trickle', LASTING, 'yes', 'timeout'),
  // Lost connections, shutdowns and I/O errors say nothing about a commit that was under way.
  row('status,code=400,sqlstate=57P01', PASSING, 'no', '57P01'),
  row('status,code=400,sqlstate=08006', PASSING, 'no', '08006'),
  row('status,code=400,sqlstate=57P02', LASTING, 'no', '57P02'),
  row('status,code=400,sqlstate=58030', LASTING, 'no', '58030'),
  row('status,code=400,sqlstate=40003', LASTING, 'no', '40003'),
  row('status,code=400,sqlstate=40P01', REFUSED, 'no', '40P01'),
  row('status,code=400,sqlstate=53300', REFUSED, 'no', '53300'),
  row('status,code=400,sqlstate=57014', REFUSED, 'no', '57014'),
  row('status,code=400,sqlstate=28P01', REFUSED, 'no', '28P01'),
  row('status,code=400,sqlstate=42P01', REFUSED, 'no', '42P01'),
  row('status,code=400,sqlstate=3D000', REFUSED, 'no', '3D000'),
  // What Neon's proxy answers, from its source (docs/fidelity.md). 500 with a SQLSTATE: the connection was refused.
  row('status,code=500,sqlstate=53300', REFUSED, 'no', '53300'),
  row('status,code=500,sqlstate=28P01', REFUSED, 'no', '28P01'),
  row('status,code=500,sqlstate=22023', REFUSED, 'no', '22023'),
  row('status,code=500,sqlstate=57P01', WAKING, 'no', '57P01'),
  row('status,code=500,sqlstate=57P03', WAKING, 'no', '57P03'),
  row('status,code=500,says=compute', WAKING, 'no', "Couldn't connect to compute node"),
  row('status,code=500,says=plane', WAKING, 'no', 'Control plane request failed'),
  row('status,code=400,says=plane', WAKING, 'no', 'Control plane request failed'),
  row('status,code=500,says=crowd', REFUSED, 'no', 'Too many connections'),
  row('status,code=500,says=attempts', REFUSED, 'no', 'Too many connections'),
  row('status,code=500,says=permit', REFUSED, 'no', 'Failed to acquire permit'),
  row('status,code=400,says=password', REFUSED, 'no', 'password authentication failed'),
  row('status,code=400,says=address', REFUSED, 'no', 'This IP address'),
  row('status,code=400,says=closed', PASSING, 'no', 'connection lost'),
  row('status,code=400,says=closed,after', PASSING, 'yes', 'connection lost'),
  row('status,code=500,says=conversion,after', PASSING, 'yes', 'HTTP 500'),
  row('status,code=400,sqlstate=08P01,says=cancelled', LASTING, 'no', '08P01'),
  row('status,code=400,says=bare', PASSING, 'no', 'malformed answer'),
  row('status,code=413,says=request', REFUSED, 'no', 'HTTP 413'),
  row('status,code=507,says=response,after', LASTING, 'yes', 'HTTP 507'),
]

/** With a limiter that fails, each route answers as ever, and the platform's or the isolate's counter limits. */
export const LIMITER: readonly Fault[] = [
  'none',
  'refused',
  'reset',
  'reset,after',
  'hang',
  'hang,after',
  'delay,ms=50',
  'delay,ms=2000',
  'delay,ms=8000',
  'status,code=500',
  'html,code=502',
  'status,code=507',
  'status,code=401',
  'status,code=413',
  'status,code=429',
  'status,code=400',
  'html,code=200',
  'status,code=200',
  'truncated',
  'early-close',
  'wrong-types',
  'trickle',
]

export interface Route {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: '/tasks' | '/tasks/{id}' | '/tasks/bulk-delete'
  status: 200 | 201 | 204
  /** The word of a write's statement that no other statement has. */
  word?: 'insert' | 'wanted' | 'deleted'
  body?: (id: number) => unknown
  keyed?: true
}

const edit = { title: 'canary edited', completed: true }
const create = { title: 'canary created', description: 'canary description' }

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/tasks', status: 200 },
  { method: 'HEAD', path: '/tasks', status: 200 },
  { method: 'GET', path: '/tasks/{id}', status: 200 },
  { method: 'POST', path: '/tasks', status: 201, word: 'insert', body: () => create },
  { method: 'POST', path: '/tasks', status: 201, word: 'insert', body: () => create, keyed: true },
  { method: 'PUT', path: '/tasks/{id}', status: 200, word: 'wanted', body: () => edit },
  { method: 'PATCH', path: '/tasks/{id}', status: 200, word: 'wanted', body: () => edit },
  { method: 'DELETE', path: '/tasks/{id}', status: 204, word: 'deleted' },
  {
    method: 'POST',
    path: '/tasks/bulk-delete',
    status: 200,
    word: 'deleted',
    body: (id) => ({ task_ids: [id] }),
  },
]
