import { type FormEvent, useCallback, useMemo, useRef, useState } from 'react'
import { tasksClient } from 'tasks-api-client'
import { Account } from './Account.tsx'
import type { User } from './auth.ts'
import { Confirm } from './Confirm.tsx'
import { Edit } from './Edit.tsx'
import { List } from './List.tsx'
import { Offline, Said, type Wait, Waiting } from './Notices.tsx'
import { useTasks } from './useTasks.ts'

const FILTERS = [
  ['All', undefined],
  ['Open', false],
  ['Done', true],
] as const

interface Props {
  user: User
  token: string
  onSignedOut: () => void
}

export function Tasks({ user, token, onSignedOut }: Props) {
  const [said, setSaid] = useState({ text: '', at: 0 })
  const say = useCallback((text: string) => setSaid({ text, at: Date.now() }), [])
  const [wait, setWait] = useState<Wait>()

  // The one place that says how a token is got, what a 401 means, and who is told of a wait.
  const signedOut = useRef(onSignedOut)
  signedOut.current = onSignedOut
  const api = useMemo(
    () =>
      tasksClient({
        url: import.meta.env.VITE_API_URL ?? 'http://localhost:8787',
        token: () => token,
        onSignedOut: () => signedOut.current(),
        onWait: (seconds, status) => setWait({ until: Date.now() + seconds * 1000, status }),
      }),
    [token],
  )

  const [completed, setCompleted] = useState<boolean>()
  const list = useTasks(api, user.id, completed, say)
  const [editing, setEditing] = useState<number>()
  const [selected, setSelected] = useState<ReadonlySet<number>>()
  const [toRemove, setToRemove] = useState<number[]>()
  const composer = useRef<HTMLInputElement>(null)

  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const title = `${form.get('title') ?? ''}`.trim()
    if (title) list.add({ title })
    event.currentTarget.reset()
  }

  const ask = useCallback((id: number) => setToRemove([id]), [])

  return (
    <>
      <header className="bar">
        <h1>
          <img src="/icon.svg" alt="" width="28" height="28" /> Tasks
        </h1>
        <Account user={user} unsent={list.drafts.length} />
      </header>
      <main>
        <form className="composer" onSubmit={add}>
          <input
            ref={composer}
            name="title"
            aria-label="New task"
            placeholder="What is to be done?"
            maxLength={200}
            autoComplete="off"
            // biome-ignore lint/a11y/noAutofocus: the first thing that a person comes here for
            autoFocus
          />
          <button type="submit" className="primary">
            Add
          </button>
        </form>

        <Offline unsent={list.drafts.length} />
        <Waiting wait={wait} />

        <div className="tools">
          <fieldset className="segments" aria-label="Show">
            {FILTERS.map(([name, value]) => (
              <label key={name}>
                <input
                  type="radio"
                  name="filter"
                  checked={completed === value}
                  onChange={() => {
                    setCompleted(value)
                    setSelected(undefined)
                  }}
                />
                {name}
              </label>
            ))}
          </fieldset>
          {selected ? (
            <div className="selection">
              <button type="button" onClick={() => setSelected(new Set(list.tasks.map(({ id }) => id)))}>
                All {list.tasks.length}
              </button>
              <button
                type="button"
                className="danger"
                disabled={selected.size === 0}
                onClick={() => setToRemove([...selected])}
              >
                Delete {selected.size || ''}
              </button>
              <button type="button" onClick={() => setSelected(undefined)}>
                Cancel
              </button>
            </div>
          ) : (
            <button type="button" disabled={list.tasks.length === 0} onClick={() => setSelected(new Set())}>
              Select
            </button>
          )}
        </div>

        <List
          list={list}
          completed={completed}
          selected={selected}
          onSelect={setSelected}
          onEdit={setEditing}
          onRemove={ask}
        />
      </main>

      {editing !== undefined && (
        <Edit
          api={api}
          id={editing}
          onSaved={list.replace}
          onGone={list.forget}
          onAdd={list.add}
          onClose={() => setEditing(undefined)}
        />
      )}
      {toRemove && (
        <Confirm
          title={toRemove.length === 1 ? 'Delete this task?' : `Delete ${toRemove.length} tasks?`}
          text="This cannot be undone."
          action="Delete"
          onConfirm={() => {
            void list.remove(toRemove)
            setSelected(undefined)
            composer.current?.focus()
          }}
          onClose={() => setToRemove(undefined)}
        />
      )}
      <Said said={said} />
    </>
  )
}
