import { getCurrentRequestState, hasRequestState } from '@better-auth/core/context'

/**
 * What one request has shown to know. better-auth hands `session.token` from one of its steps to the next
 * (refresh, revoke-others, the cookie), so within the request that presented a token it must stay readable;
 * and nowhere else.
 */
export interface Memory {
  /** Stored hash → raw token: presented by this request and found, or issued to it. */
  tokens: Map<string, string>
  /** Handle → session id: shown by this request, so that it may revoke what it has just listed. */
  handles: Map<string, string>
  /** The user whose live session this request has proved. */
  viewer?: string
}

/** The viewer of code that runs outside any request: the server itself. No user's id is empty. */
const server = ''

export function requestMemory(): () => Promise<Memory> {
  // By better-auth's own object for the request: gone with it, and never shared between two.
  const memories = new WeakMap<object, Memory>()
  return async () => {
    if (!(await hasRequestState())) return { tokens: new Map(), handles: new Map(), viewer: server }
    const request = await getCurrentRequestState()
    let memory = memories.get(request)
    if (!memory) {
      memory = { tokens: new Map(), handles: new Map() }
      memories.set(request, memory)
    }
    return memory
  }
}
