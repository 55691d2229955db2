import { type KeyboardEvent, memo, useCallback, useEffect, useRef } from 'react'
import type { Task } from 'tasks-api-client'
import type { useTasks } from './useTasks.ts'

interface Props {
  list: ReturnType<typeof useTasks>
  completed: boolean | undefined
  /** What is selected, while a person selects. */
  selected: ReadonlySet<number> | undefined
  onSelect: (selected: ReadonlySet<number>) => void
  onEdit: (id: number) => void
  onRemove: (id: number) => void
}

/** Thousands of rows: fetched page by page as they are scrolled to, and laid out only while they are near the screen (style.css). */
export function List({ list, completed, selected, onSelect, onEdit, onRemove }: Props) {
  const { tasks, drafts, state, hasMore, more, reload, toggle } = list

  const current = useRef(selected)
  current.current = selected
  const select = useCallback(
    (id: number) => {
      const next = new Set(current.current)
      if (!next.delete(id)) next.add(id)
      onSelect(next)
    },
    [onSelect],
  )

  return (
    <>
      <ul className="list" aria-label="Tasks" aria-busy={state === 'loading'} onKeyDown={onArrow}>
        {drafts.toReversed().map(({ key, task }) => (
          <li key={key} className="row draft">
            <span className="spinner" aria-hidden="true" />
            <span className="title">{task.title}</span>
            <span className="quiet">being saved</span>
          </li>
        ))}
        {tasks.map((task) => (
          <Row
            key={task.id}
            task={task}
            selected={selected?.has(task.id)}
            onSelect={select}
            onToggle={toggle}
            onEdit={onEdit}
            onRemove={onRemove}
          />
        ))}
      </ul>
      {state === 'ready' && tasks.length + drafts.length === 0 && (
        <p className="empty">
          <strong>{completed ? 'Nothing done yet' : 'All clear'}</strong>
          {completed ? 'What you complete shows up here.' : 'Write down what comes next.'}
        </p>
      )}
      {state === 'loading' && <p className="splash" role="status" aria-label="Loading" />}
      {state === 'failed' && (
        <p className="empty">
          <strong>The list could not be loaded</strong>
          <button type="button" onClick={tasks.length > 0 ? more : reload}>
            Try again
          </button>
        </p>
      )}
      {state === 'ready' && hasMore && <Sentinel onSeen={more} />}
    </>
  )
}

/** Up and down go to the same button of the next row. */
function onArrow(event: KeyboardEvent<HTMLElement>) {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const row = (event.target as HTMLElement).closest('li')
  const index = [...(row?.querySelectorAll('input, button') ?? [])].indexOf(event.target as HTMLElement)
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling
  const target = [...(next?.querySelectorAll<HTMLElement>('input, button') ?? [])][index]
  if (!target) return
  event.preventDefault()
  target.focus()
}

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

interface RowProps {
  task: Task
  selected: boolean | undefined
  onSelect: (id: number) => void
  onToggle: (task: Task) => void
  onEdit: (id: number) => void
  onRemove: (id: number) => void
}

const Row = memo(function Row({ task, selected, onSelect, onToggle, onEdit, onRemove }: RowProps) {
  const { id, title, description, completed, created_at } = task
  const selecting = selected !== undefined
  return (
    <li className={`row${completed ? ' done' : ''}${selected ? ' selected' : ''}`}>
      <input
        type="checkbox"
        className={selecting ? 'select' : 'complete'}
        aria-label={selecting ? `Select ${title}` : `Done: ${title}`}
        checked={selecting ? selected : completed}
        onChange={() => (selecting ? onSelect(id) : onToggle(task))}
      />
      <button type="button" className="title" onClick={() => (selecting ? onSelect(id) : onEdit(id))}>
        <span>{title}</span>
        {description && <small>{description}</small>}
      </button>
      <time dateTime={created_at}>{day.format(new Date(created_at))}</time>
      <button type="button" className="icon" aria-label={`Delete ${title}`} onClick={() => onRemove(id)}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M5 7h14M10 7V5h4v2m-7 0 1 12h8l1-12m-7 3.5v5m4-5v5" />
        </svg>
      </button>
    </li>
  )
})

/** Asks for the next page a little before its end is seen. */
function Sentinel({ onSeen }: { onSeen: () => void }) {
  const end = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // Coming into view may be told together with having been out of it.
    const seen: IntersectionObserverCallback = (entries) => {
      if (entries.at(-1)?.isIntersecting) onSeen()
    }
    const observer = new IntersectionObserver(seen, { rootMargin: '800px' })
    if (end.current) observer.observe(end.current)
    return () => observer.disconnect()
  }, [onSeen])
  return <div ref={end} />
}
