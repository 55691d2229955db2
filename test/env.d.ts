declare namespace Cloudflare {
  interface Env extends Required<import('../src/env.ts').Env> {
    REAL_SERVICES: boolean
    FAULTY_NEON: string
    FAULTY_UPSTASH: string
  }
  interface GlobalProps {
    mainModule: typeof import('../src/index.ts')
  }
}

/** A file's text. */
declare module '*?raw' {
  const text: string
  export default text
}
