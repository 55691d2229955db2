// Loaded in front of a .ts file, so that a Node which cannot run one says so in a sentence.
if (!process.features.typescript) {
  console.error(
    `Node ${process.versions.node} (${process.execPath}) does not run TypeScript: 22.18 or newer does.
\`npm ci\` brings one of its own, unless told --ignore-scripts. To fetch it now: npm rebuild node`,
  )
  process.exit(1)
}

// What is compiled once need not be again, by this process or those that it starts.
process.env.NODE_COMPILE_CACHE ??= `${require('node:os').tmpdir()}/node-compile-cache`
require('node:module').enableCompileCache()

// Threads share the wrappers by which PGlite's WebAssembly calls JavaScript. The V8 of Node 24 now and then ends a process
// as it frees one ("Check failed: jit_page_->allocations_.erase(addr) == 1", https://github.com/nodejs/node/issues/64500),
// so none is freed before the process is.
require('node:v8').setFlagsFromString('--no-wasm-code-gc')
