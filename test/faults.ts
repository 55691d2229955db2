import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { neonConfig } from '@neondatabase/serverless'
import { app } from '../src/app.ts'
import type { Env } from '../src/env.ts'
import { expectDocumented } from './openapi.ts'
import { type Call, randomAddress } from './support.ts'

type Name =
  | 'reset'
  | 'hang'
  | 'delay'
  | 'status'
  | 'html'
  | 'truncated'
  | 'early-close'
  | 'wrong-types'
  | 'trickle'

/** `refused`, or a fault of fault-proxy.ts with its options. */
export type Fault = 'none' | 'refused' | Name | `${Name},${string}`

/** Nothing listens on the TCP port of a protocol that nobody has spoken for decades. */
const REFUSED = 'http://127.0.0.1:1'

/** The test's env, with faults in front of the database and the limiter and with other settings. */
export function envWith({ neon, upstash, ...settings }: { neon?: Fault; upstash?: Fault } & Env): Env {
  return {
    ...env,
    ...(neon && {
      DATABASE_URL: `${env.DATABASE_URL}?fault=${encodeURIComponent(neon)}`,
      NEON_FETCH_ENDPOINT: neon === 'refused' ? REFUSED : env.FAULTY_NEON,
    }),
    ...(upstash && {
      UPSTASH_REDIS_REST_URL: upstash === 'refused' ? REFUSED : `${env.FAULTY_UPSTASH}/~${upstash}`,
    }),
    ...settings,
  }
}

/** Limits that no test reaches, and no platform that counts beside them. */
export const UNLIMITED: Env = {
  RATE_LIMIT_READS: '999999',
  RATE_LIMIT_WRITES: '999999',
  READS: undefined,
  WRITES: undefined,
}

/** Like `client`, for a Worker of the given env: another env is another memory, breaker and set of settings. */
export function apiWith(bindings: Env, token?: string, address = randomAddress()): Call {
  return async (method, path, body, headers = {}) => {
    const request = new Request(`https://api.test${path}`, {
      method,
      headers: {
        'CF-Connecting-IP': address,
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && {
        body: typeof body === 'string' || body instanceof ReadableStream ? body : JSON.stringify(body),
      }),
    })
    const ctx = createExecutionContext()
    try {
      const response = await app.fetch(request, bindings, ctx)
      // What runs beside the request ends before the next one, so that a test can count on it.
      await waitOnExecutionContext(ctx)
      await expectDocumented(method, path, response.clone())
      return response
    } finally {
      // The driver's endpoint is the isolate's, so also that of the test's own `sql`.
      if (bindings.NEON_FETCH_ENDPOINT === REFUSED) neonConfig.fetchEndpoint = env.NEON_FETCH_ENDPOINT
    }
  }
}
