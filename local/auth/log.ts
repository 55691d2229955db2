/**
 * What went wrong, without what it went wrong with: messages of drizzle end in the bound values, and Postgres'
 * details quote rows. Whatever still looks like a token is cut.
 */
export function report(problem: unknown) {
  const cause = problem instanceof Error && problem.cause instanceof Error ? problem.cause : problem
  const text = cause instanceof Error ? cause.message : String(cause)
  console.error(`auth: ${text.split('\n')[0]?.replace(/[\w-]{32,}/g, '…')}`)
}
