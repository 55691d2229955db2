import type { ApplyGlobalResponse } from 'hono/client'
import { createMiddleware } from 'hono/factory'
import { type AppEnv, router } from './context.ts'
import { connect } from './db/client.ts'
import { development } from './development.ts'
import { configure } from './env.ts'
import { crossOrigin, requestId, securityHeaders } from './headers.ts'
import { health } from './health/routes.ts'
import { requestLog } from './log.ts'
import { Problem } from './problem.ts'
import type { ProblemResponses } from './problem-body.ts'
import { onError, respond } from './problem-response.ts'
import { tasks } from './tasks/routes.ts'

/** A bad setting answers 503 everywhere but at /health, which says that the Worker itself is alive. */
const settings = createMiddleware<AppEnv>(async function settings(c, next) {
  const { settings, faults } = configure(c.env)
  if (settings) {
    c.set('settings', settings)
    c.set('db', connect(settings))
  } else if (c.req.path !== '/health') {
    throw new Problem('service_unavailable', { cause: faults, headers: { 'Retry-After': '30' } })
  }
  await next()
})

/** Hono's onError is for Errors: anything else that is thrown becomes one here. */
const onlyErrors = createMiddleware(async function onlyErrors(_, next) {
  try {
    await next()
  } catch (thrown) {
    throw new Error('something other than an Error was thrown', { cause: thrown })
  }
})

const app = router()

app.use(requestId, requestLog, securityHeaders, crossOrigin, settings, development, onlyErrors)

app.onError(onError)
app.notFound((c) => {
  const methods = METHODS.filter((method) => has(method, c.req.path))
  if (methods.length === 0) return respond(c, new Problem('not_found'))
  const Allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')
  return respond(c, new Problem('method_not_allowed', { headers: { Allow } }))
})

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Whether a route is of this very method: the middleware above is of all. */
const has = (method: string, path: string) =>
  app.router.match(method, path)[0].some(([[, route]]) => route.method === method)

const routes = app.route('/', health).route('/tasks', tasks)

/** The routes with their types, problems included, for `hc<AppType>` of hono/client. */
export type AppType = ApplyGlobalResponse<typeof routes, ProblemResponses>
export { app }
