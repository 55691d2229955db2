import { useCallback, useEffect, useRef, useState } from 'react'
import { Refused, type Task, type TaskCreate, type TasksClient } from 'tasks-api-client'
import * as outbox from './outbox.ts'
import { words } from './words.ts'

const PAGE = 200
const DELETE_AT_ONCE = 1000
const TRY_AGAIN_MS = 5000

/** The list as far as it was scrolled, the drafts that are on their way, and what a person can do with them. */
export function useTasks(
  api: TasksClient,
  userId: string,
  completed: boolean | undefined,
  say: (text: string) => void,
) {
  const [tasks, setTasks] = useState<Task[]>([])
  const [cursor, setCursor] = useState<string>()
  const [state, setState] = useState<'loading' | 'ready' | 'failed'>('loading')
  const [drafts, setDrafts] = useState(() => outbox.drafts(userId))
  const sending = useRef(false)

  const load = useCallback(
    async (from: string | undefined, signal: AbortSignal) => {
      setState('loading')
      try {
        const page = await api.page({ completed, limit: PAGE, cursor: from }, { signal })
        setTasks((before) => (from ? [...before, ...page.tasks] : page.tasks))
        setCursor(page.cursor)
        setState('ready')
      } catch (error) {
        if (signal.aborted) return
        setState('failed')
        say(words(error))
      }
    },
    [api, completed, say],
  )

  // Another filter is another list. What was asked for the old one is given up.
  const asked = useRef(new AbortController())
  const reload = useCallback(() => {
    asked.current.abort()
    asked.current = new AbortController()
    void load(undefined, asked.current.signal)
  }, [load])
  useEffect(() => {
    setTasks([])
    setCursor(undefined)
    reload()
    return () => asked.current.abort()
  }, [reload])

  const more = useCallback(() => {
    if (cursor) void load(cursor, asked.current.signal)
  }, [cursor, load])

  /** Sends the drafts, one after the other, until there are none or the network fails. */
  const send = useCallback(async () => {
    if (sending.current) return
    sending.current = true
    for (let draft = outbox.drafts(userId)[0]; draft; draft = outbox.drafts(userId)[0]) {
      try {
        const { task } = await api.create(draft.task, { key: draft.key })
        if (completed !== true) {
          setTasks((before) => [task, ...before.filter(({ id }) => id !== task.id)])
        }
      } catch (error) {
        if (!(error instanceof Refused) || error.problem.status >= 429) break
        say(`“${draft.task.title}” was not added. ${words(error)}`)
      }
      outbox.drop(userId, draft.key)
      setDrafts(outbox.drafts(userId))
    }
    sending.current = false
  }, [api, userId, completed, say])

  useEffect(() => {
    if (drafts.length === 0) return
    void send()
    const again = setInterval(() => void send(), TRY_AGAIN_MS)
    window.addEventListener('online', send)
    return () => {
      clearInterval(again)
      window.removeEventListener('online', send)
    }
  }, [drafts, send])

  const add = useCallback(
    (task: TaskCreate) => {
      outbox.keep(userId, task)
      setDrafts(outbox.drafts(userId))
    },
    [userId],
  )

  const replace = useCallback((task: Task) => {
    setTasks((before) => before.map((one) => (one.id === task.id ? task : one)))
  }, [])

  const forget = useCallback((ids: number[]) => {
    const gone = new Set(ids)
    setTasks((before) => before.filter(({ id }) => !gone.has(id)))
  }, [])

  /** Shown at once, and taken back when it fails. */
  const toggle = useCallback(
    async (task: Task) => {
      replace({ ...task, completed: !task.completed })
      try {
        replace((await api.update(task.id, { completed: !task.completed })).task)
      } catch (error) {
        replace(task)
        say(words(error))
      }
    },
    [api, replace, say],
  )

  const remove = useCallback(
    async (ids: number[]) => {
      try {
        for (let start = 0; start < ids.length; start += DELETE_AT_ONCE) {
          const some = ids.slice(start, start + DELETE_AT_ONCE)
          await api.removeMany(some)
          // What was not found was deleted elsewhere, and is gone as well.
          forget(some)
        }
        say(ids.length === 1 ? 'Deleted.' : `${ids.length} tasks deleted.`)
      } catch (error) {
        say(words(error))
      }
    },
    [api, forget, say],
  )

  return {
    tasks,
    drafts,
    state,
    hasMore: cursor !== undefined,
    more,
    reload,
    add,
    replace,
    forget,
    toggle,
    remove,
  }
}
