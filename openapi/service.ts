import type { Operation } from './operations.ts'

export const service: Operation[] = [
  {
    id: 'getIndex',
    method: 'get',
    path: '/',
    tag: 'Service',
    summary: 'Where to start',
    description: 'Name, version and the way to everything else. No session, no limit.',
    answers: {
      200: {
        description: 'OK. The index.',
        schema: 'ApiIndex',
        example: {
          name: 'tasks-api',
          version: '1.0.0',
          links: { docs: '/docs', openapi: '/openapi.json', health: '/health' },
        },
      },
    },
    problems: ['service_unavailable'],
  },
  {
    id: 'getHealth',
    method: 'get',
    path: '/health',
    tag: 'Service',
    summary: 'Is it alive?',
    description: 'The Worker alone, without its database: for the platform. No session, no limit.',
    answers: {
      200: {
        description: 'OK. It is.',
        schema: 'Health',
        example: { status: 'ok', timestamp: '2025-12-10T12:34:56.000Z', version: '1.0.0' },
      },
    },
    problems: [],
  },
  {
    id: 'getReadiness',
    method: 'get',
    path: '/health/ready',
    tag: 'Service',
    summary: 'Is it ready?',
    description:
      'The database and the rate limiter, each asked for 2 seconds at most; an answer is kept for 10. No session, no limit.',
    answers: {
      200: {
        description: 'OK. Ready to serve.',
        schema: 'Readiness',
        example: {
          status: 'ok',
          timestamp: '2025-12-10T12:34:56.000Z',
          checks: { database: 'ok', rate_limiter: 'ok' },
        },
      },
      503: {
        description:
          'Service unavailable. The database does not answer; or, as a problem, the settings are bad.',
        schema: 'Readiness',
        example: {
          status: 'unavailable',
          timestamp: '2025-12-10T12:34:56.000Z',
          checks: { database: 'unavailable', rate_limiter: 'ok' },
        },
        optionalHeaders: ['Retry-After'],
      },
    },
    problems: ['service_unavailable'],
  },
]
