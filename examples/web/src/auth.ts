import { createAuthClient } from 'better-auth/react'

/** Signs people in and out. Its session lives in a cookie that no script can read. */
export const auth = createAuthClient({ baseURL: import.meta.env.VITE_AUTH_URL ?? 'http://localhost:8788' })

export type User = typeof auth.$Infer.Session.user
