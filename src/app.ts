import type { ApplyGlobalResponse } from 'hono/client'
import { createMiddleware } from 'hono/factory'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { type AppEnv, router } from './context.ts'
import { connect } from './db/client.ts'
import { development } from './development.ts'
import { configure } from './env.ts'
import { crossOrigin, requestId, securityHeaders } from './headers.ts'
import { health } from './health/routes.ts'
import { requestLog } from './log.ts'
import { Problem } from './problem.ts'
import type { ProblemResponses } from './problem-body.ts'
import { notFound, onError, respond } from './problem-response.ts'
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

app.use(
  requestId,
  requestLog,
  securityHeaders,
  crossOrigin,
  settings,
  development,
  methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) =>
      respond(
        c,
        new Problem('method_not_allowed', { headers: { Allow: [...methods, 'OPTIONS'].join(', ') } }),
      ),
  }),
  onlyErrors,
)

app.onError(onError)
app.notFound(notFound)

const routes = app.route('/', health).route('/tasks', tasks)

/** The routes with their types, problems included, for `hc<AppType>` of hono/client. */
export type AppType = ApplyGlobalResponse<typeof routes, ProblemResponses>
export { app }
