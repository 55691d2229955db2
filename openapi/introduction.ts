import { registry } from '../src/problem.ts'
import { LIMITS } from './limits.ts'
import { CODES, types, WHEN } from './problems.ts'

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

Each user has two budgets a minute, over all routes: **${LIMITS.read} reads** (GET, HEAD) and **${LIMITS.write} writes** (POST, PUT, PATCH,
DELETE). A minute is one of the clock: when it ends, the whole budget is back. \`RateLimit\` and \`X-RateLimit-*\` say
what is left. A 429 says in \`Retry-After\` how many seconds to wait; a client that waits them is served.

Requests without a living session count against their address, never against a user. An address that has shown 200
unknown tokens within ten seconds gets 429 for tokens that are new, until those ten seconds are over
(\`RateLimit-Policy: "failure"\`).

## Concurrent edits, and sending again

An \`ETag\` names what a task, or a page, is at this moment, and says nothing else. Send a task’s back as \`If-Match\`, and
a change is made only if nobody else has made one (412); send it as \`If-None-Match\`, and what you already hold is not
sent again (304). An \`Idempotency-Key\` makes a POST safe to repeat: within 24 hours the same key and body give the
same task, with \`Idempotency-Replayed: true\`.

## Pages

\`X-Next-Cursor\`, while there are more tasks than fit the page, is the \`cursor\` of the next; \`Link\` is its whole
address. On the last page there is neither.

## Later versions

Answers may get new members, \`errors\` new codes, and failures new types and statuses: a client takes what it does not
know. What is here is not taken away.

## Problems

Every 4xx and 5xx is \`application/problem+json\` (RFC 9457). \`type\` says which, and \`request_id\` is what to quote
when asking for help.

| status | type | when |
|---|---|---|
${problems}

A \`validation_error\` lists, in \`errors\`, what does not fit: \`field\`, \`message\`, and as \`code\`, today, one of these.

| code | the value is not |
|---|---|
${codes}

## Browsers

Pages of the configured origins may call, with credentials, and read every header described here. They may send
\`Accept\`, \`Content-Type\`, \`Authorization\`, \`If-Match\`, \`If-None-Match\`, \`Idempotency-Key\`, \`X-Request-Id\`, and for
tracing \`traceparent\`, \`tracestate\`, \`baggage\` and \`sentry-trace\`. All answers carry
\`X-Content-Type-Options: nosniff\`, \`Referrer-Policy: no-referrer\`, a \`Content-Security-Policy\` that allows
nothing and, outside development, \`Strict-Transport-Security\`.
`.trim()
