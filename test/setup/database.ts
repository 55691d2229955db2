import pg from 'pg'
import { startNeon } from '../../local/neon.ts'

/** The password is a canary that no log may repeat. */
const databaseUrl = 'postgres://tests:canary-database-password@127.0.0.1/tasks'

/** A database of its own on a real server, so that neither runs nor files of tests meet. */
async function createDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `tasks_test_${crypto.randomUUID().replaceAll('-', '')}`
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: serverUrl })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  await run(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = name
  return { url: url.href, drop: () => run(`drop database ${name} with (force)`) }
}

const EMPTY = `do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' loop
      execute format('drop schema %I cascade', name);
    end loop;
    for name in select rolname from pg_roles where rolname !~ '^(pg_|postgres$)' loop
      execute format('drop owned by %1$I; drop role %1$I', name);
    end loop;
  end $$;
  create schema public; grant usage on schema public to public`

/** PGlites of files that are done, in this thread: the next file has the same one, emptied. */
const idle: Awaited<ReturnType<typeof startNeon>>[] = []

/** Neon's stand-in on an empty database of its own: on the server of LOCAL_POSTGRES_URL, or a PGlite, from its image. */
export async function emptyDatabase(image?: string) {
  const server = process.env.LOCAL_POSTGRES_URL
  if (!server) {
    const neon = idle.pop() ?? (await startNeon({ image, databaseUrl }))
    const close = async () => {
      neon.beginSessions('')
      await neon.exec(EMPTY)
      idle.push(neon)
    }
    return { neon, database: neon.pglite, close }
  }
  const { url, drop } = await createDatabase(server)
  const neon = await startNeon({ postgresUrl: url, databaseUrl })
  const close = async () => {
    await neon.close()
    await drop()
  }
  return { neon, database: url, close }
}
