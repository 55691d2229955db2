import type { User, Version } from './user.ts'

interface Row extends Version {
  id: number
  user_id: string
}

/** Holds all that is stored against all that was acknowledged, and against nothing else. */
export function verify(
  users: User[],
  rows: Row[],
): { missing: string[]; twice: string[]; elsewhere: string[] } {
  const missing: string[] = []
  const twice: string[] = []
  const elsewhere: string[] = []
  const same = (row: Row | undefined, { title, completed, version }: Version) =>
    row?.title === title && row.completed === completed && row.version === version
  const byUser = Map.groupBy(rows, ({ user_id }) => user_id)

  for (const user of users) {
    const own = new Map(byUser.get(user.id)?.map((row) => [row.id, row]))
    for (const [id, task] of user.tasks)
      if (!same(own.get(id), task)) missing.push(`${id} as it was last changed`)
    for (const id of user.gone) if (own.has(id)) missing.push(`the deletion of ${id}`)
    for (const [id, ends] of user.doubtful) {
      const row = own.get(id)
      if (!ends.some((end) => (end ? same(row, end) : !row)))
        missing.push(`${id}, in doubt, is neither of its ends`)
    }
    const titles = [...own.values()].map(({ title }) => title)
    if (new Set(titles).size < titles.length) twice.push(`a title of ${user.id}`)
    for (const { id, title } of own.values()) {
      const expected = user.tasks.has(id) || user.doubtful.has(id) || user.unconfirmed.has(title)
      if (!expected) elsewhere.push(`${id} of ${user.id}, of which nobody knows`)
    }
  }
  const known = new Set(users.map(({ id }) => id))
  for (const { id, user_id } of rows) if (!known.has(user_id)) elsewhere.push(`${id} of nobody`)
  return { missing, twice, elsewhere }
}
