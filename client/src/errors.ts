import type { ProblemBody } from '../../src/problem-body.ts'

/** The session has expired or was revoked, or there is none: sign in again at the auth server. */
export class SignedOut extends Error {
  override readonly name = 'SignedOut'
}

/** What the API refuses, and why: `problem.errors` says which field, where one is to blame. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly problem: ProblemBody
  /** Whether the same request was sent before and had no answer: then it may have been done already. */
  readonly sentBefore: boolean

  constructor(problem: ProblemBody, sentBefore: boolean) {
    super(problem.detail)
    this.problem = problem
    this.sentBefore = sentBefore
  }
}

/** Something on the way answered in the API's place, in words of its own: a gateway's page, a hotel's sign-in. */
export class NotTheApi extends Error {
  override readonly name = 'NotTheApi'
  readonly status: number
  readonly text: string

  constructor(status: number, text: string) {
    super(`Something other than the API answered, with status ${status}`)
    this.status = status
    this.text = text
  }
}

/** The network failed, or the answer did not come in time: a write may have been done, or not. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}
