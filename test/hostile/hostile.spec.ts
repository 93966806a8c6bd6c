/** Each hostile program ends by the right errno or limit, whatever it asks for, in a process with little memory. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { HOSTILE } from './cases.js';
import { type HostileResult, runHostile } from './run.js';
import { HOSTILE_WINDOWS } from './windows-cases.js';

const ALL = [...HOSTILE, ...HOSTILE_WINDOWS];
const root = fileURLToPath(new URL('../..', import.meta.url));

describe('a hostile program', () => {
  let results: readonly HostileResult[] = [];

  beforeAll(() => {
    results = runHostile(ALL, { heap: 192, watchdog: 300, root });
  });

  it.each(ALL)('$name: $ends', ({ name, ends }) => {
    expect(results.find((result) => result.name === name)?.ends).toBe(ends);
  });
});
