import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { buildBundle } from '../local/workerd.ts'

/**
 * `npm run frames < line`: a line of the log whose error has `frames`, with each frame's place in the source. Check the
 * commit of the deployed version out first (its tag): the bundle is built from what lies here.
 */

const FRAME = /^(.*?)\(?([^\s()]+):(\d+):(\d+)\)?$/

/** Frames of the bundle, as places in the source; what the map does not know stays as it is. */
export function mapFrames(frames: string[], map: SourceMap, from: string): string[] {
  return frames.map((frame) => {
    const [, call, , line, column] = FRAME.exec(frame) ?? []
    // Maps count from zero, frames from one.
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1)
    if (!('originalSource' in entry)) return frame
    const place = `${relative('.', join(from, entry.originalSource))}:${entry.originalLine + 1}`
    return `${call}${place}:${entry.originalColumn + 1}`
  })
}

/** As they come: the whole line, what a dashboard shows of it, or a stack. */
export function framesOf(input: string): string[] {
  return Array.from(input.matchAll(/at (?:[^"\n]*?\()?[^\s"()]+:\d+:\d+\)?/g), ([frame]) => frame)
}

async function main(): Promise<void> {
  const frames = framesOf(await text(process.stdin))
  if (frames.length === 0)
    throw new Error('No frames: pass a line of the log that has some, on standard input.')
  const folder = mkdtempSync(join(tmpdir(), 'tasks-frames-'))
  try {
    const bundle = await buildBundle(folder)
    const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')))
    for (const frame of mapFrames(frames, map, folder)) console.log(frame)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.main) {
  main().catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
