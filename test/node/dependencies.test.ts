import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Lock {
  packages: Record<
    string,
    { version?: string; hasInstallScript?: boolean; dev?: boolean; integrity?: string }
  >
}

const json = <T>(path: string) => JSON.parse(readFileSync(path, 'utf8')) as T
const manifest = json<{ dependencies: Record<string, string>; allowScripts: Record<string, boolean> }>(
  'package.json',
)
const { packages } = json<Lock>('package-lock.json')
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
const installed = Object.entries(packages).filter(([path]) => path !== '')

test('runs no install script but the allowed ones', () => {
  const scripted = installed.filter(([, { hasInstallScript }]) => hasInstallScript)
  expect(scripted.length).toBeGreaterThan(0)
  const names = scripted.map(([path]) => nameOf(path))
  expect(names.filter((name) => !manifest.allowScripts[name])).toEqual([])
})

test('ships dependencies of exact versions, none of which runs anything when it is installed', () => {
  for (const version of Object.values(manifest.dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/)
  const shipped = installed.filter(([, { dev }]) => !dev)
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([])
})

test('locks every package by its contents, and one workerd for tests, development and deploys', () => {
  expect(installed.filter(([, { integrity }]) => !integrity).map(([path]) => path)).toEqual([])
  expect(installed.filter(([path]) => nameOf(path) === 'workerd')).toHaveLength(1)
})
