import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SkipReporter } from './skip-reporter.js';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/host/setup.ts'],
    reporters: ['default', new SkipReporter()],
    // One process runs many files: the engine is compiled once, not once for each.
    isolate: false,
    maxWorkers: availableParallelism(),
    // An emulated CPU on a busy machine is slow, not wrong: no test is judged by the clock. What takes
    // this long hangs.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
