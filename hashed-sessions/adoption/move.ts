import { refusal } from '../refuse.ts'
import { apiViews, hashedTokens, made, reversed, type Step, userIndex } from './plan.ts'
import { type Catalog, columnOf, quote, snake, stockTables, type Table } from './tables.ts'

/** better-auth's own fields; what plugins add stays under the names it has. */
const fields = {
  user: ['emailVerified', 'createdAt', 'updatedAt'],
  session: ['userId', 'token', 'expiresAt', 'ipAddress', 'userAgent', 'createdAt', 'updatedAt'],
  account: [
    ...['userId', 'providerId', 'accountId', 'accessToken', 'refreshToken', 'idToken'],
    ...['accessTokenExpiresAt', 'refreshTokenExpiresAt', 'createdAt', 'updatedAt'],
  ],
  verification: ['expiresAt', 'createdAt', 'updatedAt'],
}
const names = { user: 'users', session: 'user_sessions', account: 'accounts', verification: 'verifications' }
const renamed = new Map([
  ['session.token', 'token_hash'],
  ['session.updatedAt', 'last_activity_at'],
])
const models = ['user', 'session', 'account', 'verification'] as const

/** The four tables become `users`, `user_sessions`, `accounts` and `verifications`, with uuids for ids. */
export function planMove(catalog: Catalog): Step[] {
  if (catalog.tables.get('user_sessions')?.columns.has('token_hash')) return []
  const stock = stockTables(catalog)
  const views = [...userIndex(stock.user), ...apiViews(stock.user, stock.session)]
  return [
    ...views
      .filter(({ name }) => made(catalog, name))
      .map(reversed)
      .reverse(),
    ...hashedTokens(stock.session, catalog),
    ...uuids(catalog, Object.values(stock), stock.user),
    ...models.flatMap((model) => columns(model, stock[model])),
    ...models
      .filter((model) => stock[model].name !== names[model])
      .map((model) => renameTable(model, stock[model])),
    {
      sql: 'alter table user_sessions add column refresh_token_hash varchar(255)',
      undo: 'alter table user_sessions drop column refresh_token_hash',
    },
  ]
}

function uuids({ tables, foreignKeys }: Catalog, stock: Table[], user: Table): Step[] {
  const types = stock.map(({ columns }) => columns.get('id'))
  if (types.every((type) => type === 'uuid')) return []
  if (!types.every((type) => type === 'text'))
    throw refusal(
      `ids of the type ${types.join(', ')} cannot be moved, only text: give the API views instead (views)`,
    )

  const keys = foreignKeys.filter(({ references }) => stock.some(({ name }) => name === references))
  const dropped = keys.map(({ table, name, definition }) => ({
    sql: `alter table ${quote(table)} drop constraint ${quote(name)}`,
    undo: `alter table ${quote(table)} add constraint ${quote(name)} ${definition}`,
  }))
  // Plugins keep ids of users without a foreign key too: accounts their own, admin the impersonator's.
  const isId = (table: Table, column: string) =>
    (column === 'id' && stock.includes(table)) ||
    keys.some((key) => key.table === table.name && key.column === column)
  const loose = [...tables.values()].flatMap((table) =>
    [...table.columns]
      .filter(([column, type]) => type === 'text' && !isId(table, column) && !(column === 'token'))
      .map(([column]) => ({
        sql:
          `update ${quote(table.name)} set ${quote(column)} = md5(${quote(column)})::uuid::text ` +
          `where ${quote(column)} in (select id from ${quote(user.name)})`,
      })),
  )
  const toUuid = (table: string, column: string) => ({
    sql: `alter table ${quote(table)} alter column ${quote(column)} type uuid using md5(${quote(column)})::uuid`,
    undo: `alter table ${quote(table)} alter column ${quote(column)} type text using ${quote(column)}::text`,
  })
  return [
    ...dropped,
    ...loose,
    ...keys.map(({ table, column }) => toUuid(table, column)),
    ...stock.flatMap(({ name }) => [
      toUuid(name, 'id'),
      {
        sql: `alter table ${quote(name)} alter column id set default gen_random_uuid()`,
        undo: `alter table ${quote(name)} alter column id drop default`,
      },
    ]),
    ...dropped.map(reversed).reverse(),
  ]
}

function columns(model: (typeof models)[number], table: Table): Step[] {
  return fields[model].flatMap((field): Step[] => {
    const { name, type } = columnOf(table, field)
    const alter = `alter table ${quote(table.name)}`
    const column = quote(name)
    const steps: Step[] = []
    if (type === 'timestamp without time zone')
      steps.push({
        // better-auth writes UTC into it.
        sql: `${alter} alter column ${column} type timestamptz using ${column} at time zone 'UTC'`,
        undo: `${alter} alter column ${column} type timestamp using ${column} at time zone 'UTC'`,
      })
    const to = renamed.get(`${model}.${field}`) ?? snake(field)
    if (to !== name)
      steps.push({
        sql: `${alter} rename column ${column} to ${to}`,
        undo: `${alter} rename column ${to} to ${column}`,
      })
    return steps
  })
}

function renameTable(model: (typeof models)[number], { name }: Table): Step {
  return {
    sql: `alter table ${quote(name)} rename to ${names[model]}`,
    undo: `alter table ${names[model]} rename to ${quote(name)}`,
  }
}
