import { tasksClient } from '../client/src/index.ts'

// npm run dev, and then: node examples/client.ts "$(cat .local/demo-token)"
const [, , token, url = 'http://localhost:8787'] = process.argv
const api = tasksClient({ url, token: () => token })

const { task, etag } = await api.create({ title: 'Buy milk' })
await api.update(task.id, { completed: true }, { etag })
for await (const { id, title } of api.list({ completed: true })) console.log(id, title)
await api.remove(task.id)
