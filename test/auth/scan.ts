import { createHmac } from 'node:crypto'
import type { MigrationDatabase } from '../../local/auth/index.ts'

export interface Finding {
  column: string
  value: string
}

/** Every value of every column of every table, as text; in an order that two looks at the same data share. */
export async function everything(db: Pick<MigrationDatabase, 'query'>): Promise<Finding[]> {
  const query = async (sql: string) => (await db.query(sql)).rows as Record<string, unknown>[]
  const columns = await query(`
    select c.table_name, c.column_name
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where t.table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')
    order by 1, 2`)
  const values = columns.map(async ({ table_name, column_name }) => {
    const column = `${table_name}.${column_name}`
    const rows = await query(`select "${column_name}"::text as value from "${table_name}" order by 1`)
    return rows.flatMap(({ value }) => (value === null ? [] : { column, value: String(value) }))
  })
  return (await Promise.all(values)).flat()
}

/** Where one of the tokens stands, whole or as a part of something. */
export function rawTokens(values: Finding[], tokens: Iterable<string>): string[] {
  const raw = [...tokens]
  return values.filter(({ value }) => raw.some((token) => value.includes(token))).map(({ column }) => column)
}

/** The contract's own words, in another library than the server's: HMAC-SHA256, lowercase hex. */
export const hash = (secret: string, token: string) =>
  createHmac('sha256', secret).update(token).digest('hex')

/** better-auth's own signature of a cookie or of set-auth-token. */
export const signature = (secret: string, token: string) =>
  createHmac('sha256', secret).update(token).digest('base64')
