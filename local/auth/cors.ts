/**
 * Those of the API's own settings in development, so that one frontend can use both; and the API's origin,
 * where its docs page lives: whoever tries a request out there needs to sign in first.
 */
export const developmentOrigins = [
  'http://localhost:3000',
  'http://localhost',
  'http://127.0.0.1:3000',
  'http://localhost:8787',
]

/** The last four are what tracing adds to every request of a frontend. */
const ALLOWED_HEADERS = [
  'Accept',
  'Content-Type',
  'Authorization',
  'traceparent',
  'tracestate',
  'baggage',
  'sentry-trace',
]

/** And those that CORS_ORIGINS adds, for the API and here alike. */
export const allowedOrigins = (corsOrigins = ''): string[] => [
  ...developmentOrigins,
  ...corsOrigins.split(',').flatMap((origin) => origin.trim() || []),
]

/** What a page from an allowed origin may do and read; for all others nothing but Vary. */
export function corsHeaders(request: Request, origins: string[]): Headers {
  const headers = new Headers({ Vary: 'Origin' })
  const origin = request.headers.get('Origin')
  if (origin === null || !origins.includes(origin)) return headers

  headers.set('Access-Control-Allow-Origin', origin)
  headers.set('Access-Control-Allow-Credentials', 'true')
  headers.set('Access-Control-Expose-Headers', 'set-auth-token')
  if (request.method === 'OPTIONS') {
    headers.set('Access-Control-Allow-Methods', 'GET, POST, OPTIONS')
    headers.set('Access-Control-Allow-Headers', ALLOWED_HEADERS.join(', '))
    headers.set('Access-Control-Max-Age', '600')
  }
  return headers
}
