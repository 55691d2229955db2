import { open, shapeFaults, targetOf, up } from '../drizzle/migrate.ts'
import { SHAPE_OF_AUTH_SERVER } from '../src/db/shape.ts'
import { Refusal } from './call.ts'

const HISTORY = 'tasks_migrations'

/** A pooled host and a direct one are the same database. */
function placeOf(databaseUrl: string): string {
  const { hostname, pathname } = new URL(databaseUrl)
  return hostname.replace('-pooler.', '.') + pathname
}

/** The secret of the Worker and the owner's URL have to name one database, by roles of their own. */
export function differentDatabases(owner: string, worker: string): string[] {
  const [ours, theirs] = [placeOf(owner), placeOf(worker)]
  if (ours !== theirs) return [`DATABASE_URL: ${ours}, but ${theirs} in --secrets-file`]
  if (new URL(owner).username !== new URL(worker).username) return []
  return ['DATABASE_URL: the owner in --secrets-file too, where the Worker has a role of its own']
}

/** Says what it is about to migrate, refuses another environment's database, and migrates. */
export async function migrate(
  environment: string,
  databaseUrl: string,
  fetchEndpoint?: string,
): Promise<void> {
  const target = targetOf({ DATABASE_URL: databaseUrl, NEON_FETCH_ENDPOINT: fetchEndpoint })
  const sql = open(target)
  const [at] = await sql.query(
    `select current_user as role, current_setting('neon.branch_id', true) as branch,
      obj_description(to_regclass('${HISTORY}'), 'pg_class') as mark`,
  )
  const place = placeOf(databaseUrl)
  console.log(`Migrating ${place}${at?.branch ? `, branch ${at.branch}` : ''}, as ${at?.role}`)
  const [marked, markedPlace] = `${at?.mark ?? ''}`.split(' at ')
  // A branch or a copy of another environment's database has its mark, and is another place.
  if (marked && marked !== environment && markedPlace === place) {
    throw new Refusal(`this is the database of ${marked}: each environment has its own.`)
  }
  // The auth server owns these tables; without them, or with other types, every request would fail.
  const faults = await shapeFaults(target, SHAPE_OF_AUTH_SERVER)
  if (faults.length > 0) throw new Refusal(`the auth server's tables:\n  ${faults.join('\n  ')}`)
  const names = await up(target)
  await sql.query(`comment on table ${HISTORY} is '${`${environment} at ${place}`.replaceAll("'", "''")}'`)
  console.log(names.length > 0 ? `Applied ${names.join(', ')}.` : 'No migration was pending.')
}
