/** In place of @upstash/core-analytics (wrangler.toml), of which @upstash/ratelimit makes one only where it is told to. */
export class Analytics {}
