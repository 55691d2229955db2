import { NoAnswer, NotTheApi, Refused, SignedOut } from 'tasks-api-client'

/** What a person reads when something went wrong. Anything else is a mistake of this app, and is thrown. */
export function words(error: unknown): string {
  if (error instanceof NoAnswer) return 'No answer: you seem to be offline.'
  if (error instanceof SignedOut) return 'Your session has ended.'
  if (error instanceof NotTheApi) return `The service cannot be reached (${error.status}).`
  if (!(error instanceof Refused)) throw error
  const { problem } = error
  if (problem.status === 400)
    return problem.errors.map(({ field, message }) => `${field}: ${message}`).join('. ')
  if (problem.status === 404) return 'This task is not there any more.'
  if (problem.status === 503) return 'The service is not available at the moment.'
  return problem.detail
}

export const isRefusal = (error: unknown, status: number) =>
  error instanceof Refused && error.problem.status === status
