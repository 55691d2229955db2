import { boolean, pgTable, text, timestamp, uuid, varchar } from 'drizzle-orm/pg-core'

// The tables of migrations/ under the names that better-auth uses. Only a map: defaults, references and
// checks are in the SQL.
const id = () => uuid('id').primaryKey().defaultRandom()
const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const times = () => ({ createdAt: time('created_at').notNull(), updatedAt: time('updated_at').notNull() })

export const user = pgTable('users', {
  id: id(),
  email: text('email').notNull(),
  name: text('name').notNull(),
  emailVerified: boolean('email_verified').notNull(),
  image: text('image'),
  ...times(),
})

export const session = pgTable('user_sessions', {
  id: id(),
  userId: uuid('user_id').notNull(),
  token: varchar('token_hash', { length: 255 }).notNull(),
  expiresAt: time('expires_at').notNull(),
  revoked: boolean('revoked').notNull(),
  ipAddress: text('ip_address'),
  userAgent: text('user_agent'),
  createdAt: time('created_at').notNull(),
  updatedAt: time('last_activity_at').notNull(),
})

export const account = pgTable('accounts', {
  id: id(),
  userId: uuid('user_id').notNull(),
  providerId: text('provider_id').notNull(),
  accountId: text('account_id').notNull(),
  password: text('password'),
  accessToken: text('access_token'),
  refreshToken: text('refresh_token'),
  idToken: text('id_token'),
  accessTokenExpiresAt: time('access_token_expires_at'),
  refreshTokenExpiresAt: time('refresh_token_expires_at'),
  scope: text('scope'),
  ...times(),
})

export const verification = pgTable('verifications', {
  id: id(),
  identifier: text('identifier').notNull(),
  value: text('value').notNull(),
  expiresAt: time('expires_at').notNull(),
  ...times(),
})
