/**
 * The owner's DATABASE_URL is for the migration alone. Imported before anything else, it takes the URL out of the
 * environment: neither a dependency that is loaded later nor a child process can read it there.
 */
export const databaseUrl = process.env.DATABASE_URL ?? ''
delete process.env.DATABASE_URL
