export { allowedOrigins, developmentOrigins } from './cors.ts'
export { type MigrationDatabase, migrateAuth } from './migrate.ts'
export { type AuthOptions, startAuth } from './server.ts'
