import { parentPort, Worker, workerData } from 'node:worker_threads'
import { startUpstash } from '../../local/upstash.ts'

/**
 * Upstash's stand-in on a thread of its own: in the one of the whole run it would share its thread with PGlite, and
 * wait behind every statement for longer than the limiter waits for a Redis.
 */
export async function startUpstashThread() {
  const token = crypto.randomUUID()
  const redisUrl = process.env.LOCAL_REDIS_URL
  const thread = new Worker(new URL(import.meta.url), { workerData: { token, redisUrl } })
  const url = await new Promise<string>((resolve, reject) =>
    thread.once('message', resolve).once('error', reject),
  )
  return {
    vars: { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token },
    close: () => thread.terminate(),
  }
}

if (parentPort && workerData?.token) parentPort.postMessage((await startUpstash(workerData)).url)
