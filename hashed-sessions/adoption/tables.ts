import { refusal } from '../refuse.ts'

/** A connection to PostgreSQL, such as pg's Client. */
export interface Connection {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

export interface Table {
  name: string
  /** Column → type, as PostgreSQL prints it. */
  columns: Map<string, string>
}

export interface ForeignKey {
  name: string
  table: string
  column: string
  references: string
  definition: string
}

/** What stands in one schema of the database. */
export interface Catalog {
  tables: Map<string, Table>
  views: Set<string>
  indexes: Set<string>
  foreignKeys: ForeignKey[]
  /** `table.column` of each CHECK that lets nothing but hashes in. */
  hashed: Set<string>
}

export const HASH = '^[0-9a-f]{64}$'

export const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

/** In the order in which things were made, so that a dry run says what will be done as it will be done. */
export async function readCatalog(db: Connection, schema: string): Promise<Catalog> {
  const read = async (sql: string) => (await db.query(sql, [schema])).rows as Record<string, string>[]
  const columns = await read(`
    select c.relname as table, c.relkind as kind, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
    order by c.oid, a.attnum`)
  const constraints = await read(`
    select k.contype as kind, k.conname as name, t.relname as table, a.attname as column, f.relname as references,
      pg_get_constraintdef(k.oid) as definition
    from pg_constraint k join pg_class t on t.oid = k.conrelid
    join pg_attribute a on a.attrelid = t.oid and a.attnum = k.conkey[1]
    left join pg_class f on f.oid = k.confrelid
    where t.relnamespace = $1::regnamespace and k.contype in ('c', 'f') and cardinality(k.conkey) = 1
    order by k.oid`)
  const indexes = await read('select indexname as name from pg_indexes where schemaname = $1::text')

  const tables = new Map<string, Table>()
  const views = new Set<string>()
  for (const { table = '', kind, column = '', type = '' } of columns) {
    if (kind === 'v') views.add(table)
    const found = tables.get(table) ?? { name: table, columns: new Map() }
    if (kind !== 'v') tables.set(table, found)
    found.columns.set(column, type)
  }
  return {
    tables,
    views,
    indexes: new Set(indexes.map(({ name = '' }) => name)),
    foreignKeys: constraints.filter(({ kind }) => kind === 'f') as unknown as ForeignKey[],
    hashed: new Set(
      constraints.filter(({ definition }) => definition?.includes(HASH)).map((k) => `${k.table}.${k.column}`),
    ),
  }
}

/** better-auth's own tables, under the names that its generators give them. */
export function stockTables({ tables }: Catalog) {
  const find = (...names: string[]) => {
    const found = names.map((name) => tables.get(name)).filter((table) => table !== undefined)
    if (found.length === 1 && found[0]) return found[0]
    throw refusal(
      `${found.length ? 'more than one' : 'no'} table is called ${names.join(' or ')} in this schema`,
    )
  }
  return {
    user: find('user', 'users'),
    session: find('session', 'sessions'),
    account: find('account', 'accounts'),
    verification: find('verification', 'verifications'),
  }
}

/** The column of this field: camelCase by kysely's generator, snake_case by drizzle's. */
export function columnOf(table: Table, field: string): { name: string; type: string } {
  for (const name of [field, snake(field)]) {
    const type = table.columns.get(name)
    if (type !== undefined) return { name, type }
  }
  throw refusal(`the table ${table.name} has no column ${field} or ${snake(field)}`)
}

export const snake = (field: string) => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
