import { taskJson } from '../src/tasks/representation.ts'

/** A task as src/ writes it. */
const task = (id: number, title: string, description: string | null, completed: boolean, minute: string) =>
  JSON.parse(
    taskJson([
      '5f3c1d2e-8a4b-4c6d-9e7f-0a1b2c3d4e5f',
      `${id}`,
      title,
      description,
      completed ? 't' : 'f',
      `2025-12-10 12:${minute}+00`,
      `2025-12-10 12:${minute}+00`,
      '1',
    ]),
  )
export const milk = task(42, 'Buy milk', 'Two litres, the blue one', false, '34:56')
export const plants = task(41, 'Water the plants', null, true, '30:00.25')
