import { type AddressInfo, connect, createServer } from 'node:net'
import { count, delayed, ready } from './delay.ts'

/** For peers that speak TCP to PostgreSQL or Redis: `relay.ts PORT` passes bytes on, questions late. */

const [, , target] = process.argv

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host: '127.0.0.1', port: Number(target), noDelay: true })
  // What a client sends after it has been answered is a new call; a call may come in several pieces.
  let answered = true
  client.on('data', (bytes) => {
    if (answered) count()
    answered = false
    delayed(() => upstream.write(bytes))
  })
  upstream.on('data', (bytes) => {
    answered = true
    client.write(bytes)
  })
  client.on('close', () => upstream.destroy()).on('error', () => {})
  upstream.on('close', () => client.destroy()).on('error', () => {})
})
server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port))
