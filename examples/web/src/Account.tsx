import { auth, type User } from './auth.ts'
import * as outbox from './outbox.ts'

export function Account({ user, unsent }: { user: User; unsent: number }) {
  /** Nothing stays behind in the browser: a list is in memory alone, and drafts go with their owner. */
  async function signOut(everywhere: boolean) {
    if (unsent > 0 && !confirm('Not all of your new tasks are saved yet. Sign out and lose them?')) return
    // All sessions of this user are over with it, on every device: the task API refuses them from its next request on.
    const { error } = everywhere ? await auth.revokeSessions() : { error: null }
    if (!error) await auth.signOut()
    outbox.clear(user.id)
  }

  return (
    <>
      <button type="button" className="avatar" popoverTarget="account" aria-label={`Account of ${user.name}`}>
        {user.name.slice(0, 1).toUpperCase()}
      </button>
      <div id="account" popover="auto" className="menu">
        <p>
          <strong>{user.name}</strong>
          <br />
          {user.email}
        </p>
        <button type="button" onClick={() => void signOut(false)}>
          Sign out
        </button>
        <button type="button" onClick={() => void signOut(true)}>
          Sign out everywhere
        </button>
      </div>
    </>
  )
}
