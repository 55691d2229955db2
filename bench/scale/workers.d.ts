/** What src/ takes from the types of Workers, which would clash with Node's. */
type CryptoKey = import('node:crypto').webcrypto.CryptoKey
type RateLimit = unknown
