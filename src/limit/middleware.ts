import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../context.ts'
import { perIsolate } from '../isolate.ts'
import { unauthorized } from '../problem.ts'
import { verify } from '../session/session.ts'
import type { BudgetName, Decision } from './budget.ts'
import { CappedMap } from './capped-map.ts'
import { settle } from './headers.ts'
import { address, addressKey, userKey } from './identity.ts'
import { budgetOf, charge, chargeHere } from './limiter.ts'
import { lookUpsOf } from './look-ups.ts'

const classOf = (c: Context<AppEnv>): BudgetName =>
  c.req.method === 'GET' || c.req.method === 'HEAD' ? 'read' : 'write'

/**
 * token hash → user id, once seen alive. The mapping never changes, so it picks the budget to charge and the order
 * of the calls; it never decides who gets in. A dead session's is dropped.
 */
const usersOf = perIsolate(() => new CappedMap<string, string>(10_000))

/**
 * Charges the caller's budget: beside a read, before a write. A read that is refused shows nothing, a write that
 * is refused did not happen, and a flood of either costs the database nothing.
 */
export const limit = createMiddleware<AppEnv>(async function limit(c, next) {
  const { session, settings } = c.var
  const isRead = classOf(c) === 'read'
  const known = usersOf(settings).get(session.hashes[0] as string)
  if (known === undefined) await admitLookUp(c)

  // A read by a user not yet known: the statement says whose budget it is.
  if (isRead && known === undefined) {
    await next()
    const userId = await answered(c)
    if (userId) settle(c, await chargeUser(c, userId).decision)
    return
  }

  // A write by a user not yet known asks for the session first.
  const { decision, comfortable } = chargeUser(c, known ?? (await identify(c)))

  // A read with more than a tenth of the budget left: limiter and statement together.
  if (isRead && comfortable) {
    await next()
    const charged = await decision
    await answered(c)
    settle(c, charged)
    return
  }

  // A write, or a read with little or nothing left: the limiter, then the statement.
  settle(c, await decision)
  await next()
  await answered(c)
})

/**
 * Whose session it was, once the request has its answer. Where no statement has asked yet, as for a body that does
 * not fit, this asks: a dead session must not get any other answer than 401.
 */
async function answered(c: Context<AppEnv>): Promise<string | null | undefined> {
  return c.res.status >= 500 ? c.get('session').userId : await identify(c)
}

/** Whose session it is. Throws the 401, counted against the address, when the database does not know it. */
async function identify(c: Context<AppEnv>): Promise<string> {
  const { db, session, settings } = c.var
  const users = usersOf(settings)
  const hash = session.hashes[0] as string
  try {
    const userId = await verify(db, session)
    users.set(hash, userId)
    return userId
  } catch (error) {
    if (session.userId === null) {
      users.delete(hash)
      await countFailure(c, hash)
    }
    throw error
  }
}

function chargeUser(c: Context<AppEnv>, userId: string) {
  const settings = c.get('settings')
  const key = userKey(userId)
  const comfortable = budgetOf(settings, classOf(c), key).isComfortable()
  return { comfortable, decision: charge(c.env, settings, classOf(c), key) }
}

/** Throws the 401 or 429 that needs no look-up of a token which this isolate has not seen alive. */
async function admitLookUp(c: Context<AppEnv>): Promise<void> {
  const lookUps = lookUpsOf(c.get('settings'))
  const blocked = lookUps.blocked(address(c))
  if (blocked) settle(c, blocked)
  if (lookUps.isBad(c.get('session').hashes[0] as string)) {
    await chargeAnonymous(c)
    throw unauthorized('invalid_token')
  }
  const refusal = await lookUps.begin(c.env, address(c))
  if (refusal) settle(c, refusal)
}

/** A request that fails without a trip is counted without one: by this isolate and by the platform. */
export async function chargeAnonymous(c: Context<AppEnv>): Promise<void> {
  settle(c, await chargeAddress(c))
}

const chargeAddress = (c: Context<AppEnv>): Promise<Decision> =>
  chargeHere(c.env, c.get('settings'), classOf(c), address(c))

/** One that has cost a look-up is counted over all instances too, and the fuller count answers. */
async function countFailure(c: Context<AppEnv>, hash: string): Promise<void> {
  const settings = c.get('settings')
  const key = await addressKey(settings.SESSION_HASH_SECRET, address(c))
  const [here, everywhere] = await Promise.all([
    chargeAddress(c),
    charge(c.env, settings, classOf(c), key),
    lookUpsOf(settings).failed(c.env, address(c), hash),
  ])
  const left = ({ admitted, remaining = here.limit }: Decision) => (admitted ? remaining : -1)
  settle(c, left(here) <= left(everywhere) ? here : everywhere)
}
