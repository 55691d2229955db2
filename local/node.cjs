// Loaded in front of a .ts file, so that a Node which cannot run one says so in a sentence.
if (!process.features.typescript) {
  console.error(
    `Node ${process.versions.node} (${process.execPath}) does not run TypeScript: 22.18 or newer does.
\`npm ci\` brings one of its own, unless told --ignore-scripts. To fetch it now: npm rebuild node`,
  )
  process.exit(1)
}

// What it compiles once, this and the processes that it starts need not compile again.
require('node:module').enableCompileCache()
