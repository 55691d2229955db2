import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // The origin that the API and the auth server of `npm run dev` let in. By its other name, 127.0.0.1, it would be
  // another site than the auth server's, which its cookie is not sent from.
  server: { host: 'localhost', port: 3000, strictPort: true },
})
