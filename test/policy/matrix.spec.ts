/**
 * Every cell of policies.md section 13 that a Linux program can reach, through the whole sandbox:
 * system calls by the host, stores and calls as the guest.
 */
import { describe, expect, it } from 'vitest';
import { Guest } from './matrix/guest.js';
import { oracle } from './matrix/oracle.js';
import { cell, STRATEGIES } from './matrix/strategies.js';
import { COLUMNS, ORACLE, TABLE, WITHOUT } from './matrix/table.js';

function optionsOf(strategy: string): Parameters<typeof Guest.open>[2] {
  const asksForStack = /GNU_STACK=RWX$/.test(strategy) && !strategy.startsWith('15 ');
  return {
    stack: asksForStack ? 'rwx' : 'rw',
    sandbox: { protectionKeys: strategy.startsWith('29 ') },
  };
}

/** The patched loader runs before the program can opt in. */
function policyOf(strategy: string, policy: string): string {
  return policy === 'restricted-wx' && strategy.startsWith('28 ')
    ? `${policy}:enforce=off`
    : policy;
}

describe.each(COLUMNS)('$name ($policy)', ({ name, policy, arches }) => {
  for (const { strategy, cells } of TABLE) {
    const expected = cells.get(name);
    if (expected === undefined) continue;
    it.each(arches)(`${strategy}: ${expected}, %s`, async (arch) => {
      using guest = await Guest.open(arch, policyOf(strategy, policy), optionsOf(strategy));
      expect(cell(STRATEGIES[strategy]!, guest)).toBe(expected);
    });
  }
});

describe('the oracle of twelve calls (policies.md 14)', () => {
  describe.each(Object.entries(ORACLE))('%s', (policy, expected) => {
    it.each(['x86-64', 'i386'] as const)('on %s', async (arch) => {
      using guest = await Guest.open(arch, policy);
      expect(oracle(guest)).toEqual(expected);
    });
  });
});

describe('rows for other systems', () => {
  for (const [row, reason] of WITHOUT) it(row, ({ skip }) => skip(reason));
});
