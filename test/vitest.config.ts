import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SkipReporter } from './skip-reporter.js';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.spec.ts'],
    reporters: ['default', new SkipReporter()],
    // An emulated CPU on a busy machine is slow, not wrong: no test is judged by the clock.
    testTimeout: 0,
    hookTimeout: 0,
  },
});
