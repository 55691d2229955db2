import { createHmac } from 'node:crypto'
import type { MigrationDatabase } from '../../local/auth/index.ts'

export interface Finding {
  column: string
  value: string
}

/** Every value of every column of every table, as text; in an order that two looks at the same data share. */
export async function everything(db: Pick<MigrationDatabase, 'query'>): Promise<Finding[]> {
  const tables = await db.query(`
    select table_name as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`)
  const values = (tables.rows as { name: string }[]).map(
    ({ name }) =>
      `select '${name}.' || f.key as "column", f.value from "${name}" r, jsonb_each_text(to_jsonb(r)) f`,
  )
  const { rows } = await db.query(
    `select * from (${values.join(' union all ')}) found where value is not null order by 1, 2`,
  )
  return rows as unknown as Finding[]
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
