import { appendFile, readFile, writeFile } from 'node:fs/promises'
import type { MutantCoverage } from '@stryker-mutator/api/core'
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import {
  type DryRunResult,
  DryRunStatus,
  type MutantRunOptions,
  type MutantRunResult,
  MutantRunStatus,
  type TestResult,
  type TestRunner,
  TestStatus,
} from '@stryker-mutator/api/test-runner'
import {
  createVitest,
  type TestCase,
  type TestModule,
  type TestSpecification,
  type Vitest,
} from 'vitest/node'
import type { FileCoverage } from './exchange.ts'

/** What a run of one file costs before its first test: a workerd, and the Worker loaded into it. */
const START_MS = 1_500
/** Tests that take longer, to wait for a timeout mostly, run apart from the others of their file. */
const SLOW_MS = 300
/** Written by the dry run, for all runners: test id → ms. */
const TIMES = 'test-times.json'
/** A line for each death: changed file and part of a test file. Who has killed many will kill more. */
const KILLS = 'kills.txt'

/** Runs the tests, one file at a time, each in a fresh isolate or thread that loads with the mutant switched on. */
class WorkerdRunner implements TestRunner {
  #vitest!: Vitest
  #files!: TestSpecification[]

  capabilities() {
    return { reloadEnvironment: true }
  }

  async init(): Promise<void> {
    this.#vitest = await createVitest('test', {
      config: 'test/mutation/vitest.config.ts',
      watch: false,
      silent: true,
      reporters: [{}],
    })
    this.#files = await this.#vitest.globTestSpecifications()
  }

  async dispose(): Promise<void> {
    await this.#vitest?.close()
  }

  async dryRun(): Promise<DryRunResult> {
    this.#vitest.provide('mutant', {})
    const modules: TestModule[] = []
    for (const file of this.#files) {
      const module = await this.#run(file)
      if (!module.ok()) return { status: DryRunStatus.Error, errorMessage: failure(module) }
      modules.push(module)
    }
    const tests = modules.flatMap(testsOf)
    const times = tests.map(({ id, timeSpentMs }) => [id, timeSpentMs])
    await writeFile(TIMES, JSON.stringify(Object.fromEntries(times)))
    await appendFile(KILLS, '')
    return { status: DryRunStatus.Complete, tests, mutantCoverage: coverageOf(modules) }
  }

  async mutantRun({ activeMutant, hitLimit, testFilter }: MutantRunOptions): Promise<MutantRunResult> {
    this.#vitest.provide('mutant', { activeMutant: activeMutant.id, hitLimit })
    for (const { config } of this.#vitest.projects) config.bail = 1
    let nrOfTests = 0
    for (const { file, key } of await this.#plan(activeMutant.fileName, testFilter)) {
      const module = await this.#run(file)
      const tests = testsOf(module)
      nrOfTests += tests.length
      if (module.ok()) continue
      await appendFile(KILLS, `${key}\n`)
      const killedBy = tests.filter(({ status }) => status === TestStatus.Failed).map(({ id }) => id)
      return { status: MutantRunStatus.Killed, failureMessage: failure(module), killedBy, nrOfTests }
    }
    return { status: MutantRunStatus.Survived, nrOfTests }
  }

  /**
   * The tests that a mutant has to pass, file by file: those with most tests a second and most kills first. The slow
   * tests of a file are a part of their own, left for the end unless it is known to kill.
   */
  async #plan(mutated: string, testFilter?: string[]) {
    const times: Record<string, number> = JSON.parse(await readFile(TIMES, 'utf8'))
    const killers = (await readFile(KILLS, 'utf8')).split('\n')
    const timeOf = (id: string) => times[id] ?? 0
    const tests = testFilter ?? Object.keys(times)
    const part = (file: TestSpecification, isSlow: boolean) => {
      const testIds = tests.filter(
        (id) => id.startsWith(`${file.taskId}_`) && timeOf(id) > SLOW_MS === isSlow,
      )
      if (testIds.length === 0) return []
      const key = `${mutated} ${file.taskId} ${isSlow}`
      const kills = killers.filter((killer) => killer === key).length
      const cost = testIds.reduce((sum, id) => sum + timeOf(id), START_MS) / testIds.length / (1 + kills)
      return [{ file: only(file, testIds), key, kills, cost, last: isSlow && kills === 0 }]
    }
    return this.#files
      .flatMap((file) => [...part(file, false), ...part(file, true)])
      .sort((a, b) => Number(a.last) - Number(b.last) || a.cost - b.cost)
  }

  /** A test that depends on time may fail once on a busy machine: what counts is that it fails again, alone. */
  async #run(file: TestSpecification): Promise<TestModule> {
    const module = await this.#once(file)
    const failed = [...module.children.allTests('failed')]
    if (module.ok() || failed.some(isTimeout)) return module
    const ids = failed.map(({ id }) => id)
    const again = await this.#once(ids.length > 0 ? only(file, ids) : file)
    return again.ok() ? await this.#once(file) : again
  }

  async #once(file: TestSpecification): Promise<TestModule> {
    this.#vitest.state.filesMap.clear()
    const { testModules } = await this.#vitest.runTestSpecifications([file])
    return testModules[0] as TestModule
  }
}

const only = ({ project, moduleId }: TestSpecification, testIds: string[]) =>
  project.createSpecification(moduleId, { testIds })

/** Nothing that a busy machine does: tests may take many times as long as they do. */
const isTimeout = (test: TestCase) =>
  test.result().errors?.some(({ message }) => message.startsWith('Test timed out'))

function testsOf(module: TestModule): TestResult[] {
  return [...module.children.allTests()].flatMap((test) => {
    const { state, errors = [] } = test.result()
    if (state === 'skipped' || state === 'pending') return []
    const result = {
      id: test.id,
      name: test.fullName,
      fileName: module.moduleId,
      timeSpentMs: test.diagnostic()?.duration ?? 0,
    }
    return state === 'passed'
      ? { ...result, status: TestStatus.Success }
      : { ...result, status: TestStatus.Failed, failureMessage: errors[0]?.message ?? 'failed' }
  })
}

function failure(module: TestModule): string {
  const failed = [...module.children.allTests('failed')].map(
    (test) => `${test.fullName}: ${test.result().errors?.[0]?.message}`,
  )
  return [module.moduleId, ...module.errors().map(({ message }) => message), ...failed].join('\n')
}

/** What runs around the tests of a file counts for each of them. */
function coverageOf(modules: TestModule[]): MutantCoverage {
  const coverage: MutantCoverage = { static: {}, perTest: {} }
  for (const module of modules) {
    const { onLoad, around, tests } = (module.meta() as { coverage: FileCoverage }).coverage
    Object.assign(coverage.static, onLoad)
    for (const { id } of testsOf(module)) coverage.perTest[id] = { ...around, ...tests[id] }
  }
  return coverage
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'workerd', WorkerdRunner)]
