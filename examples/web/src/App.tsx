import { useState } from 'react'
import { auth } from './auth.ts'
import { SignIn } from './SignIn.tsx'
import { Tasks } from './Tasks.tsx'

/**
 * Who is here decides what is shown. `useSession` asks the auth server when the page opens and when a person comes back
 * to it, which also extends the session: calls of the task API never do.
 */
export function App() {
  const session = auth.useSession()
  const [ended, setEnded] = useState(false)

  if (session.data) {
    const { user, session: current } = session.data
    return (
      <Tasks
        // Nothing of one user's list is left for the next.
        key={user.id}
        user={user}
        token={current.token}
        onSignedOut={() => {
          setEnded(true)
          void session.refetch()
        }}
      />
    )
  }
  if (session.isPending) return <p className="splash" role="status" aria-label="Loading" />
  if (session.error) {
    return (
      <main className="card narrow">
        <h1>No connection</h1>
        <p>The auth server does not answer. You may be offline.</p>
        <button type="button" className="primary" onClick={() => void session.refetch()}>
          Try again
        </button>
      </main>
    )
  }
  return <SignIn notice={ended ? 'Your session has ended. Sign in to go on.' : undefined} />
}
