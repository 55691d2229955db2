import { type FieldValues, fields, names, type Task } from '../src/task.ts'

/** What the first or the second example task says of itself. */
const said = (which: 0 | 1) =>
  Object.fromEntries(names.map((name) => [name, fields[name].examples[which]])) as unknown as FieldValues

const task = (which: 0 | 1, id: number, moment: string): Task => ({
  id,
  user_id: '5f3c1d2e-8a4b-4c6d-9e7f-0a1b2c3d4e5f',
  ...said(which),
  created_at: moment,
  updated_at: moment,
})

export const milk = task(0, 42, '2025-12-10T12:34:56.000Z')
export const plants = task(1, 41, '2025-12-10T12:30:00.250Z')
/** A body with every field. */
export const everything = said(0)
