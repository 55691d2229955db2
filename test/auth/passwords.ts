import crypto, { type ScryptOptions } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/** The hash of a password takes a tenth of a second by intent, which no test is about: here it takes a hundredth. */
const { scrypt } = crypto

crypto.scrypt = ((password, salt, length, options: ScryptOptions, done) =>
  scrypt(password, salt, length, { ...options, N: 1_024 }, done)) as typeof scrypt
syncBuiltinESMExports()
