import type { Measured } from '../measure/rounds.ts'
import { LABELS, STACKS, type StackName } from '../world/stacks.ts'
import { median } from './stats.ts'

const COLORS: Record<StackName, string> = {
  worker: '#d9480f',
  floor: '#868e96',
  naive: '#7048e8',
  fastify: '#1971c2',
  express: '#2f9e44',
  fastapi: '#0c8599',
  'fastapi-lean': '#66a8b5',
}

const [WIDTH, HEIGHT, TOP, BOTTOM] = [1000, 380, 50, 330]

/** Left: p50 of one task by round-trip time; the slope is the number of trips. Right: CPU of a list of 1000. */
export function chart(measured: Measured): string {
  const stacks = STACKS.filter((stack) => measured[stack]?.get)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">
<title>p50 by round-trip time, and CPU, of each stack</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${latency(measured, stacks)}
${cpu(measured, stacks)}
</svg>
`
}

function latency(measured: Measured, stacks: StackName[]): string {
  const series = stacks.map((stack) => {
    const points = Object.entries(measured[stack]?.get?.p50 ?? {})
      .map(([rtt, rounds]) => [Number(rtt), median(rounds)] as const)
      .filter(([, y]) => Number.isFinite(y))
    return { stack, points }
  })
  const all = series.flatMap(({ points }) => points)
  const maxX = Math.max(...all.map(([x]) => x))
  const step = niceStep(Math.max(...all.map(([, y]) => y)) / 4)
  const maxY = step * Math.ceil(Math.max(...all.map(([, y]) => y)) / step)
  const [left, right] = [55, 420]
  const at = (x: number, y: number) =>
    `${(left + (x / maxX) * (right - left)).toFixed(1)},${(BOTTOM - (y / maxY) * (BOTTOM - TOP)).toFixed(1)}`
  const grid = Array.from({ length: maxY / step + 1 }, (_, i) => {
    const y = BOTTOM - ((i * step) / maxY) * (BOTTOM - TOP)
    return `<path d="M${left} ${y}H${right}" stroke="#e9ecef"/>${text(left - 6, y + 4, `${i * step}`, 'end')}`
  })
  const ticks = (series[0]?.points ?? [])
    .filter(([x]) => x === 0 || x >= 5)
    .map(([x]) => text(left + (x / maxX) * (right - left), BOTTOM + 16, `${x}`, 'middle'))
  const curves = series.map(({ stack, points }) => {
    const width = stack === 'worker' ? 3 : 1.5
    return `<polyline points="${points.map(([x, y]) => at(x, y)).join(' ')}" fill="none" stroke="${COLORS[stack]}" stroke-width="${width}"/>`
  })
  return [
    text(left, 25, 'GET /tasks/{id}: p50, ms, by round-trip time, ms', 'start', 'bold'),
    ...grid,
    ...ticks,
    ...curves,
  ].join('\n')
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(about: number): number {
  const power = 10 ** Math.floor(Math.log10(about))
  return power * ([1, 2, 5].find((times) => times * power >= about) ?? 10)
}

/** The names stand beside these bars, in the colors of both halves. */
function cpu(measured: Measured, stacks: StackName[]): string {
  const [left, right] = [460, 930]
  const values = stacks.map((stack) => median(measured[stack]?.['list-1000']?.cpu ?? []) || 0)
  const max = Math.max(...values)
  const step = (BOTTOM - TOP) / stacks.length
  const bars = stacks.map((stack, i) => {
    const y = TOP + i * step
    const value = values[i] as number
    const width = (value / max) * (right - left)
    const label = value > 0 ? `${(value / 1000).toFixed(2)} ms` : 'not measured'
    return `${text(left, y + 12, LABELS[stack], 'start', stack === 'worker' ? 'bold' : 'normal')}
<rect x="${left}" y="${(y + 17).toFixed(1)}" width="${width.toFixed(1)}" height="12" fill="${COLORS[stack]}"/>
<rect x="${left - 12}" y="${(y + 4).toFixed(1)}" width="8" height="8" fill="${COLORS[stack]}"/>
${text(left + width + 5, y + 27, label)}`
  })
  return [text(left, 25, 'GET /tasks?limit=1000: CPU of the app a request', 'start', 'bold'), ...bars].join(
    '\n',
  )
}

const text = (x: number, y: number, words: string, anchor = 'start', weight = 'normal') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-weight="${weight}" fill="#343a40">${words}</text>`
