import { boolean, pgTable, timestamp, uuid, varchar } from 'drizzle-orm/pg-core'

/** The auth server's tables: the columns this API reads. It never writes them and never migrates them. */

export const users = pgTable('users', { id: uuid('id').primaryKey() })

export const userSessions = pgTable('user_sessions', {
  userId: uuid('user_id').notNull(),
  tokenHash: varchar('token_hash', { length: 255 }).notNull().unique(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  revoked: boolean('revoked').notNull(),
})
