import { type Catalog, columnOf, HASH, quote, type Table } from './tables.ts'

/** One change, and what takes it back. */
export type Step = { sql: string; undo?: string } | { hash: Table; undo: string }

/** Sessions as the wrapper and the API need them: marked when revoked, and hashed. */
export function hashedTokens(session: Table, { hashed }: Catalog): Step[] {
  const table = quote(session.name)
  const steps: Step[] = []
  if (!session.columns.has('revoked'))
    steps.push({
      sql: `alter table ${table} add column revoked boolean not null default false`,
      undo: `alter table ${table} drop column revoked`,
    })
  if (!hashed.has(`${session.name}.token`))
    steps.push(
      // No way leads from a hash to its token: without the wrapper nobody could use these rows.
      { hash: session, undo: `delete from ${table}` },
      {
        sql: `alter table ${table} add constraint session_token_is_hashed check (token ~ '${HASH}')`,
        undo: `alter table ${table} drop constraint session_token_is_hashed`,
      },
    )
  return steps
}

export const reversed = ({ sql, undo }: { sql: string; undo: string }) => ({ sql: undo, undo: sql })

/** What the API reads, as views of the stock tables. */
export function apiViews(user: Table, session: Table) {
  const owner = columnOf(session, 'userId')
  const expires = columnOf(session, 'expiresAt')
  const idType = user.columns.get('id') ?? ''
  const expiresAt = expires.type.includes('with time zone')
    ? quote(expires.name)
    : `${quote(expires.name)} at time zone 'UTC'`
  const view = (name: string, query: string) => ({
    name,
    sql: `create view ${name} as ${query}`,
    undo: `drop view ${name}`,
  })
  return [
    view(
      'users',
      `select ${uuid('id', idType)} as id, email, name, ${quote(columnOf(user, 'createdAt').name)} as created_at ` +
        `from ${quote(user.name)}`,
    ),
    view(
      'user_sessions',
      `select ${uuid(owner.name, owner.type)} as user_id, token as token_hash, ${expiresAt} as expires_at, revoked ` +
        `from ${quote(session.name)}`,
    ),
  ]
}

/** The API asks whether the user of a session still exists, by the id that it knows. */
export function userIndex(user: Table) {
  const type = user.columns.get('id') ?? ''
  if (type === 'uuid') return []
  const name = `${user.name}_id_of_the_api`
  const sql = `create index ${quote(name)} on ${quote(user.name)} ((${uuid('id', type)}))`
  return [{ name, sql, undo: `drop index ${quote(name)}` }]
}

export const made = ({ views, indexes }: Catalog, name: string) => views.has(name) || indexes.has(name)

/** The user's id in the API: the stock one when it is a uuid, else one made of it, the same each time. */
function uuid(column: string, type: string): string {
  if (type === 'uuid') return quote(column)
  const text = type === 'text' ? quote(column) : `${quote(column)}::text`
  return `md5(${text})::uuid`
}
