import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // The origin that the API and the auth server of `npm run dev` let in.
  server: { host: '127.0.0.1', port: 3000, strictPort: true },
})
