import { useEffect, useState, useSyncExternalStore } from 'react'

const LASTS_MS = 6000

/** What has just happened; read out by a screen reader, and gone after a while. */
export function Said({ said: { text, at } }: { said: { text: string; at: number } }) {
  const [gone, setGone] = useState(0)
  useEffect(() => {
    const timer = setTimeout(() => setGone(at), LASTS_MS)
    return () => clearTimeout(timer)
  }, [at])
  return (
    <div className="said" role="status">
      {text && gone !== at && <p>{text}</p>}
    </div>
  )
}

function subscribe(changed: () => void) {
  window.addEventListener('online', changed)
  window.addEventListener('offline', changed)
  return () => {
    window.removeEventListener('online', changed)
    window.removeEventListener('offline', changed)
  }
}

export function Offline({ unsent }: { unsent: number }) {
  const online = useSyncExternalStore(subscribe, () => navigator.onLine)
  return (
    <div role="status">
      {!online && (
        <p className="notice">
          <strong>You are offline.</strong> New tasks are kept on this device, and sent when you are back
          {unsent > 0 && ` (${unsent} so far)`}.
        </p>
      )}
    </div>
  )
}

export interface Wait {
  until: number
  /** What was answered: 429, a 5xx, or 0 for nothing. */
  status: number
}

/** A spent budget or a busy service is no error: the client waits as long as it is told, and goes on. */
export function Waiting({ wait }: { wait: Wait | undefined }) {
  const [now, setNow] = useState(Date.now())
  const seconds = wait ? Math.ceil((wait.until - now) / 1000) : 0
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 250)
    const end = setTimeout(() => clearInterval(timer), wait ? wait.until - Date.now() + 500 : 0)
    return () => {
      clearInterval(timer)
      clearTimeout(end)
    }
  }, [wait])
  // A blink of an eye is not worth a notice.
  const shown = wait?.status === 429 && seconds > 0
  return (
    <div role="status">
      {shown && (
        <p className="notice">
          <strong>That was a lot at once.</strong> It goes on by itself
          <span aria-hidden="true"> in {seconds} s</span>.
        </p>
      )}
    </div>
  )
}
