import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SkipReporter } from './skip-reporter.js';
import { WatchdogReporter } from './watchdog-reporter.js';

// An emulated CPU on a busy machine is slow, not wrong: no test is judged by the clock. What takes this long hangs.
const MINUTE = 60_000;
const TEST_LIMIT = 10 * MINUTE;
const RUN_LIMIT = 120 * MINUTE;

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/host/setup.ts'],
    reporters: [
      'default',
      new SkipReporter(),
      new WatchdogReporter({ quiet: TEST_LIMIT + MINUTE, run: RUN_LIMIT }),
    ],
    // One process runs many files: the engine is compiled once, not once for each.
    isolate: false,
    maxWorkers: availableParallelism(),
    testTimeout: TEST_LIMIT,
    hookTimeout: TEST_LIMIT,
  },
});
