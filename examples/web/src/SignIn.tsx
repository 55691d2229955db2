import { type FormEvent, useState } from 'react'
import { auth } from './auth.ts'

const MIN_PASSWORD = 8

export function SignIn({ notice }: { notice: string | undefined }) {
  const [isNew, setIsNew] = useState(false)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string>()

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => `${form.get(name) ?? ''}`
    const credentials = { email: text('email'), password: text('password') }
    setBusy(true)
    setFault(undefined)
    try {
      // On success useSession, in App, notices by itself.
      const { error } = isNew
        ? await auth.signUp.email({ ...credentials, name: text('name') })
        : await auth.signIn.email(credentials)
      if (error) setFault(error.message ?? 'That did not work. Try again.')
    } catch {
      setFault('The auth server does not answer. You may be offline.')
    }
    setBusy(false)
  }

  return (
    <main className="card narrow">
      <img src="/icon.svg" alt="" width="44" height="44" />
      <h1>{isNew ? 'Create an account' : 'Welcome back'}</h1>
      {notice && <p role="status">{notice}</p>}
      <form onSubmit={submit} className="stack">
        {isNew && (
          <label>
            Name
            <input name="name" autoComplete="name" required />
          </label>
        )}
        <label>
          E-mail
          <input name="email" type="email" autoComplete="email" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            minLength={isNew ? MIN_PASSWORD : undefined}
            required
          />
        </label>
        {fault && (
          <p role="alert" className="fault">
            {fault}
          </p>
        )}
        <button type="submit" className="primary" disabled={busy}>
          {isNew ? 'Sign up' : 'Sign in'}
        </button>
      </form>
      <p className="quiet">
        {isNew ? 'You have an account?' : 'New here?'}{' '}
        <button type="button" className="link" onClick={() => setIsNew(!isNew)}>
          {isNew ? 'Sign in' : 'Create an account'}
        </button>
      </p>
    </main>
  )
}
