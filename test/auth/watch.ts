import net from 'node:net'
import { format } from 'node:util'
import { vi } from 'vitest'

/** What this process says and whom it calls, from now on. */
export function watch() {
  const lines: string[] = []
  for (const level of ['debug', 'log', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((...args: unknown[]) => {
      lines.push(format(...args))
    })
  }

  const hosts = new Set<string>()
  const connect = net.Socket.prototype.connect
  vi.spyOn(net.Socket.prototype, 'connect').mockImplementation(function (
    this: net.Socket,
    ...args: unknown[]
  ) {
    const [options] = args.flat() as [{ host?: string }]
    hosts.add(options.host ?? 'localhost')
    return Reflect.apply(connect, this, args)
  })

  return { lines, hosts }
}
