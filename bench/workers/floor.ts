import { type Context, Hono } from 'hono'
import type { Env } from './env.ts'

/**
 * The least a Worker can do: bare Hono and one raw call, whose body it hands on as it came, in Neon's envelope.
 * No session (the bearer is the user's id itself), no limit, no checks, no JSON of its own.
 */

const columns = 'id, user_id, title, description, completed, created_at, updated_at'

async function query(env: Env, query: string, params: unknown[]): Promise<Response> {
  const answer = await fetch(env.NEON_FETCH_ENDPOINT, {
    method: 'POST',
    headers: {
      'Neon-Connection-String': env.DATABASE_URL,
      'Neon-Raw-Text-Output': 'true',
      'Neon-Array-Mode': 'true',
    },
    body: JSON.stringify({ query, params }),
  })
  return new Response(answer.body, answer)
}

const app = new Hono<{ Bindings: Env }>()
const userId = (c: Context) => c.req.header('Authorization')?.slice('Bearer '.length)

app.get('/tasks', (c) =>
  query(c.env, `select ${columns} from tasks where user_id = $1 order by created_at desc, id desc limit $2`, [
    userId(c),
    c.req.query('limit') ?? '1000',
  ]),
)

app.get('/tasks/:id', (c) =>
  query(c.env, `select ${columns} from tasks where id = $1 and user_id = $2`, [c.req.param('id'), userId(c)]),
)

app.post('/tasks', async (c) => {
  const { title, description = null, completed = false } = await c.req.json()
  return await query(
    c.env,
    `insert into tasks (user_id, title, description, completed) values ($1, $2, $3, $4) returning ${columns}`,
    [userId(c), title, description, completed],
  )
})

app.patch('/tasks/:id', async (c) => {
  const { title } = await c.req.json()
  return await query(
    c.env,
    `update tasks set title = $3, updated_at = now(), version = version + 1 where id = $1 and user_id = $2
     returning ${columns}`,
    [c.req.param('id'), userId(c), title],
  )
})

export default app
