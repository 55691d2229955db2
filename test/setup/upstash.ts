import { parentPort } from 'node:worker_threads'
import { startUpstash } from '../../local/upstash.ts'
import { startFaultProxy } from './fault-proxy.ts'

/** A thread that world.ts starts: Upstash in memory or, given a Redis, in front of that. Any message ends it. */

const { LOCAL_REDIS_URL: redisUrl } = process.env
const token = crypto.randomUUID()
const upstash = await startUpstash(redisUrl ? { token, redisUrl } : { token })
const faulty = await startFaultProxy(upstash.url)
parentPort?.postMessage({
  UPSTASH_REDIS_REST_URL: upstash.url,
  UPSTASH_REDIS_REST_TOKEN: token,
  FAULTY_UPSTASH: faulty.url,
})
parentPort?.once('message', async () => {
  await faulty.close()
  await upstash.close()
})
