import { refusal } from '../refuse.ts'
import { apiViews, hashedTokens, made, type Step, userIndex } from './plan.ts'
import { type Catalog, stockTables } from './tables.ts'

/** The stock tables stay; the API reads two views of them. */
export function planViews(catalog: Catalog): Step[] {
  const { user, session } = stockTables(catalog)
  if (user.name === 'users' || catalog.tables.has('user_sessions'))
    throw refusal(
      'a table has the name that a view needs, users or user_sessions: move the tables instead (move)',
    )
  const missing = [...userIndex(user), ...apiViews(user, session)].filter(({ name }) => !made(catalog, name))
  return [...hashedTokens(session, catalog), ...missing]
}
