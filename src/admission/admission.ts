import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { addressOf } from '../address.ts'
import type { AppEnv } from '../context.ts'
import { perIsolate } from '../isolate.ts'
import type { Budget, BudgetName } from '../limit/budget.ts'
import { addressBudget, userBudget } from '../limit/budgets.ts'
import type { Decision } from '../limit/decision.ts'
import { enforce } from '../limit/headers.ts'
import { acquire, acquireNearby, decideInHand, refill, release } from '../limit/limiter.ts'
import { LruMap } from '../lru-map.ts'
import { unauthorized } from '../problem.ts'
import { findOwner } from '../session/session.ts'
import { parseBearer, tokenHashes } from '../session/token.ts'
import { strangersOf } from './strangers.ts'

/**
 * token hash → user id, once seen alive. The mapping never changes, so it picks the budget to charge and the order of
 * the calls; it never decides who gets in: each statement checks the session itself. A dead session's is dropped.
 */
const usersOf = perIsolate(() => new LruMap<string, string>(10_000))

const isRead = (c: Context<AppEnv>) => c.req.method === 'GET' || c.req.method === 'HEAD'
const classOf = (c: Context<AppEnv>): BudgetName => (isRead(c) ? 'read' : 'write')

/** Decides who is let in. `next` reads the body, where there is one, and runs the statement. */
export const admission = createMiddleware<AppEnv>(async function admission(c, next) {
  const settings = c.get('settings')
  // No token, or none that can be one: no call.
  const hash = await claimSession(c)
  let userId = usersOf(settings).get(hash)

  if (userId === undefined) {
    // A token seen dead in the last ten seconds, or an address that showed too many of them: no call.
    await refuseStranger(c, hash)
    // A read, user not yet known: the statement, then the grant.
    if (isRead(c)) {
      await next()
      userId = await owner(c, hash)
      if (userId) enforce(c, await charge(c, userBudget(settings, 'read', userId)))
      return
    }
    // A write, user not yet known: the session, the grant, the statement.
    userId = (await owner(c, hash)) as string
  }

  // A unit in hand: the statement. A budget known to be spent: no call. Else a read has its grant beside the
  // statement, and a refusal withholds the rows; a write waits for it: one that was answered 429 did not happen.
  const budget = userBudget(settings, classOf(c), userId)
  const charged = charge(c, budget)
  const isBeside = isRead(c) && charged instanceof Promise
  if (!isBeside) enforce(c, await charged)
  await next()
  const decision = await charged
  await owner(c, hash, () => c.executionCtx.waitUntil(release(settings, budget, decision)))
  if (isBeside) enforce(c, decision)
})

/** The keyed hash of the token that the request shows. Throws the 401 where there can be none. */
async function claimSession(c: Context<AppEnv>): Promise<string> {
  const header = c.req.header('Authorization')
  const token = header && parseBearer(header)
  if (!token) {
    enforce(c, await acquireNearby(c.env, await addressBudget(c.get('settings'), classOf(c), addressOf(c))))
    throw unauthorized(header === undefined ? undefined : 'invalid_token')
  }
  const hashes = await tokenHashes(c.get('settings'), token)
  c.set('session', { hashes })
  return hashes[0]
}

async function refuseStranger(c: Context<AppEnv>, hash: string): Promise<void> {
  const settings = c.get('settings')
  const strangers = strangersOf(settings)
  const refusal = strangers.refusal(addressOf(c))
  if (refusal) enforce(c, refusal)
  if (!strangers.isDead(hash)) return
  enforce(c, await acquireNearby(c.env, await addressBudget(settings, classOf(c), addressOf(c))))
  throw unauthorized('invalid_token')
}

/** One unit of the budget: from the hand, whose refill nobody waits for, or a grant. */
function charge(c: Context<AppEnv>, budget: Budget): Decision | Promise<Decision> {
  const decision = decideInHand(budget)
  if (decision?.by === 'lease') c.executionCtx.waitUntil(refill(c.get('settings'), budget))
  return decision ?? acquire(c.env, c.get('settings'), budget)
}

/**
 * Whose session it is, by the statement's word; where none has asked yet, as for a body that does not fit, this asks.
 * Undefined where the request failed (5xx). A dead session gets no other answer than 401, and its address pays for it.
 */
async function owner(c: Context<AppEnv>, hash: string, whenDead?: () => void): Promise<string | undefined> {
  const [db, session, settings] = [c.get('db'), c.get('session'), c.get('settings')]
  const isFailed = c.finalized && c.res.status >= 500
  const userId = isFailed ? undefined : await findOwner(db, session)
  if (userId !== null) {
    if (userId) usersOf(settings).set(hash, userId)
    return userId
  }
  whenDead?.()
  usersOf(settings).delete(hash)
  strangersOf(settings).failed(addressOf(c), hash)
  const budget = await addressBudget(settings, classOf(c), addressOf(c))
  enforce(c, decideInHand(budget) ?? (await acquire(c.env, settings, budget)))
  throw unauthorized('invalid_token')
}
