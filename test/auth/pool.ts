import pg from 'pg'

let config: pg.PoolConfig = {}
const open = new Set<pg.Pool>()

/** Which database a `new Pool` of this file is on, whatever it was told: the examples of the documentation run on it. */
export function usePool(to: pg.PoolConfig) {
  config = to
}

export class Pool extends pg.Pool {
  constructor(_?: pg.PoolConfig) {
    super(config)
    open.add(this)
  }
}

/** The examples never end theirs. */
export async function endPools() {
  for (const pool of open) await pool.end()
  open.clear()
}
