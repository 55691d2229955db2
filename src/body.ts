import { malformed, Problem } from './problem.ts'

const MAX_BYTES = 64 * 1024
/** For the whole body, however steadily it trickles. */
const DEADLINE_MS = 10_000

/**
 * The body of a request as text. Throws a problem of the client's: over 64 KiB (413), not whole in time (408), broken
 * off, or not UTF-8 (RFC 8259 §8.1; the platform's own reader would replace bad bytes, and so store what nobody sent).
 */
export async function readText({ body, headers }: Request): Promise<string> {
  if (Number(headers.get('Content-Length')) > MAX_BYTES) throw new Problem('payload_too_large')
  if (!body) return ''
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    // Ends the read that is under way.
    reader.cancel().catch(() => {})
  }, DEADLINE_MS)
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
    let text = ''
    let size = 0
    for (;;) {
      const { done, value } = await reader.read()
      // A cancelled read ends as the body would, or it throws.
      if (done && !isLate) return text + decoder.decode()
      if (!value) throw new Problem('request_timeout')
      size += value.byteLength
      if (size > MAX_BYTES) throw new Problem('payload_too_large')
      text += decoder.decode(value, { stream: true })
    }
  } catch (error) {
    if (isLate) throw new Problem('request_timeout')
    throw error instanceof Problem ? error : malformed()
  } finally {
    clearTimeout(timer)
  }
}
