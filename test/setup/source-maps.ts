/**
 * vitest keeps a module's source map behind its code, and the pool for workerd hands both over as code. Without this,
 * the lines of a stack are those of the transformed module: 97 for 89.
 */
const MARK = '\n//# vitestSourceMap='

interface Modules {
  getModuleById(id: string): { meta?: { code?: string; sourceMap?: string } } | undefined
  getModuleSourceMapById(id: string): unknown
}

const { evaluatedModules: modules } = (
  globalThis as unknown as { __vitest_worker__: { evaluatedModules: Modules } }
).__vitest_worker__
const find = modules.getModuleSourceMapById

modules.getModuleSourceMapById = function getModuleSourceMapById(id) {
  const { meta } = this.getModuleById(id) ?? {}
  const at = meta?.code?.lastIndexOf(MARK) ?? -1
  if (meta?.code && at >= 0) meta.sourceMap ??= meta.code.slice(at + MARK.length)
  return find.call(this, id)
}
