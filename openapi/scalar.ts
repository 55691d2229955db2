import plugin from '@scalar/fastify-api-reference'

interface Route {
  url: string
  handler(request: unknown, reply: Reply): void
}

interface Reply {
  header(): Reply
  send(body: string): void
}

/**
 * Scalar's script for browsers, whole. Of its packages, the plugin for Fastify is the one that carries it without
 * the 270 packages it was made from: so this is a Fastify with one visitor, who asks for the script.
 */
export async function scalar(): Promise<string> {
  const routes: Route[] = []
  const fastify = { initialConfig: {}, route: (route: Route) => routes.push(route) }
  await new Promise<void>((resolve) => {
    plugin(fastify as never, { configuration: { url: '/openapi.json' } }, () => resolve())
  })
  let script = ''
  const reply: Reply = {
    header: () => reply,
    send(body) {
      script = body
    },
  }
  routes.find(({ url }) => url.endsWith('/scalar.js'))?.handler({}, reply)
  if (!script) throw new Error('@scalar/fastify-api-reference no longer serves js/scalar.js')
  return script
}
