interface ImportMetaEnv {
  /** Where the auth server and the task API are, when not at the addresses of `npm run dev`. */
  readonly VITE_AUTH_URL?: string
  readonly VITE_API_URL?: string
}
