import { type FormEvent, useCallback, useEffect, useState } from 'react'
import type { Tagged, Task, TaskCreate, TasksClient } from 'tasks-api-client'
import { Dialog } from './Dialog.tsx'
import { isRefusal, words } from './words.ts'

interface Props {
  api: TasksClient
  id: number
  onSaved: (task: Task) => void
  onGone: (ids: number[]) => void
  onAdd: (task: TaskCreate) => void
  onClose: () => void
}

type Text = { title: string; description: string }

const textOf = ({ title, description }: Task): Text => ({ title, description: description ?? '' })

/**
 * A task is read when its editor opens, and its ETag goes with what is saved. When somebody else was faster, nothing is
 * overwritten: both texts are shown, and a person chooses.
 */
export function Edit({ api, id, onSaved, onGone, onAdd, onClose }: Props) {
  const [read, setRead] = useState<Tagged>()
  const [mine, setMine] = useState<Text>({ title: '', description: '' })
  const [theirs, setTheirs] = useState<Tagged>()
  const [gone, setGone] = useState(false)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string>()

  const failed = useCallback((error: unknown) => {
    if (isRefusal(error, 404)) setGone(true)
    else setFault(words(error))
  }, [])

  useEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving
    api
      .get(id, { signal })
      .then((tagged) => {
        setRead(tagged)
        setMine(textOf(tagged.task))
      })
      .catch((error: unknown) => {
        if (!signal.aborted) failed(error)
      })
    return () => leaving.abort()
  }, [api, id, failed])

  async function save(over: Tagged) {
    setBusy(true)
    setFault(undefined)
    try {
      const changes = { title: mine.title, description: mine.description || null }
      const { task } = await api.update(id, changes, { etag: over.etag })
      onSaved(task)
      onClose()
    } catch (error) {
      if (isRefusal(error, 412)) await compare(over)
      else failed(error)
    }
    setBusy(false)
  }

  /** Where only the box was ticked meanwhile, the texts are in no conflict. */
  async function compare({ task }: Tagged) {
    try {
      const now = await api.get(id)
      const untouched = now.task.title === task.title && now.task.description === task.description
      if (untouched) await save(now)
      else setTheirs(now)
    } catch (error) {
      failed(error)
    }
  }

  function submit(event: FormEvent) {
    event.preventDefault()
    if (read) void save(read)
  }

  if (gone) {
    return (
      <Dialog
        label="The task is gone"
        onClose={() => {
          onGone([id])
          onClose()
        }}
      >
        <h2>Somebody deleted this task</h2>
        <p>It is not there any more: perhaps you deleted it in another window.</p>
        <div className="actions">
          {read && (
            <button
              type="button"
              onClick={() => {
                onAdd({ title: mine.title, description: mine.description || null })
                onGone([id])
                onClose()
              }}
            >
              Add it again with my text
            </button>
          )}
          <button
            type="button"
            className="primary"
            onClick={() => {
              onGone([id])
              onClose()
            }}
          >
            Take it off my list
          </button>
        </div>
      </Dialog>
    )
  }

  if (theirs) {
    return (
      <Dialog label="Two versions" onClose={onClose}>
        <h2>Somebody else changed this task</h2>
        <p>It was saved with another text while you were writing. Which one shall stay?</p>
        <div className="versions">
          <Version name="Saved meanwhile" text={textOf(theirs.task)} other={mine} />
          <Version name="Yours" text={mine} other={textOf(theirs.task)} />
        </div>
        {fault && <p className="fault">{fault}</p>}
        <div className="actions">
          <button
            type="button"
            onClick={() => {
              onSaved(theirs.task)
              onClose()
            }}
          >
            Leave what was saved
          </button>
          <button type="button" className="primary" disabled={busy} onClick={() => void save(theirs)}>
            Save mine
          </button>
        </div>
      </Dialog>
    )
  }

  return (
    <Dialog label="Edit task" onClose={onClose}>
      <h2>Edit task</h2>
      <form onSubmit={submit} className="stack">
        {read ? (
          <>
            <label>
              Title
              <input
                value={mine.title}
                maxLength={200}
                required
                autoFocus
                onChange={({ target }) => setMine({ ...mine, title: target.value })}
              />
            </label>
            <label>
              Description
              <textarea
                value={mine.description}
                rows={5}
                maxLength={1000}
                onChange={({ target }) => setMine({ ...mine, description: target.value })}
              />
            </label>
          </>
        ) : (
          !fault && <p className="splash" role="status" aria-label="Loading" />
        )}
        {fault && (
          <p role="alert" className="fault">
            {fault}
          </p>
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!read || busy}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function Version({ name, text, other }: { name: string; text: Text; other: Text }) {
  const part = (key: keyof Text) => (text[key] === other[key] ? undefined : 'changed')
  return (
    <section>
      <h3>{name}</h3>
      <p className={part('title')}>{text.title}</p>
      <p className={part('description')}>{text.description || <em>no description</em>}</p>
    </section>
  )
}
