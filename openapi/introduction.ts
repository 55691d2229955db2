import { configure } from '../src/env.ts'
import { registry } from '../src/problem.ts'
import { CODES, types, WHEN } from './problems.ts'

/** What the limits are where nobody has set them. */
const { settings } = configure({
  DATABASE_URL: 'postgres://user:password@host/database',
  SESSION_HASH_SECRET: 'as good as any other for reading the defaults',
  UPSTASH_REDIS_REST_URL: 'https://host',
  UPSTASH_REDIS_REST_TOKEN: 'token',
})
if (!settings) throw new Error('the settings that stand in for real ones are no longer enough')

const problems = types.map((type) => `| ${registry[type][0]} | \`${type}\` | ${WHEN[type]} |`).join('\n')
const codes = Object.entries(CODES)
  .map(([code, expected]) => `| \`${code}\` | ${expected} |`)
  .join('\n')

export const introduction = `
A list of todo tasks for each user, over HTTP and JSON.

Every path is the same with a trailing slash. \`HEAD\` works where \`GET\` does. Members of a body and parameters
of a query that are not described here are ignored.

## Session

Send the token that the auth server hands out at sign-in: \`Authorization: Bearer <token>\`. A session that was
revoked or has expired is refused by the very next request, and all refusals read the same. A task of another user
is as good as one that does not exist: both are 404.

## Limits

Each user has two budgets a minute: **${settings.RATE_LIMIT_READS} reads** (GET, HEAD) and **${settings.RATE_LIMIT_WRITES} writes** (POST, PUT,
PATCH, DELETE). Requests without a session count against their address; one that shows twenty bad tokens in a
minute, or asks for 300 sessions that are new to an instance, waits for the next minute. Every answer says what is left, in
\`RateLimit\` and \`X-RateLimit-*\`; a 429 says in \`Retry-After\` how many seconds to wait.

## Concurrent edits, and sending again

\`ETag\` is a task’s version. Send it back as \`If-Match\` and a change is made only if nobody else has made one
(412); as \`If-None-Match\`, and what you already hold is not sent again (304). An \`Idempotency-Key\` makes a POST
safe to repeat: within 24 hours the same key and body give the same task, with \`Idempotency-Replayed: true\`.

## Problems

Every 4xx and 5xx is \`application/problem+json\` (RFC 9457). \`type\` says which, and \`request_id\` is what to quote
when asking for help.

| status | type | when |
|---|---|---|
${problems}

A \`validation_error\` lists, in \`errors\`, what does not fit: \`field\`, \`message\`, and one of these as \`code\`.

| code | the value is not |
|---|---|
${codes}

## Browsers

Pages of the configured origins may call, with credentials, and read every header described here. All answers carry
\`X-Content-Type-Options: nosniff\`, \`Referrer-Policy: no-referrer\`, a \`Content-Security-Policy\` that allows
nothing and, outside development, \`Strict-Transport-Security\`.
`.trim()
