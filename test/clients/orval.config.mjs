export default {
  tasks: {
    input: '../../public/openapi.json',
    output: {
      target: 'generated/orval.ts',
      client: 'fetch',
      // Without it no function takes Idempotency-Key or If-Match.
      headers: true,
      baseUrl: { runtime: 'globalThis.API_URL' },
    },
  },
}
