/**
 * Every rule is named by a lesson: in an expectation, or as what decides a
 * run in its table. That naming it is no empty word is the matter of mutate-policies.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scenarioFiles } from '../../src/cli/lessons/files.js';
import { listPolicies } from '../../src/policy/registry.js';
import { parseScenario } from '../../src/scenario/read/parse.js';
import { Problems } from '../../src/scenario/read/scenario-error.js';
import { ROOT } from './files.js';

function rulesNamedIn(file: string): string[] {
  const { programs, table = [] } = parseScenario(readFileSync(file, 'utf8'), new Problems(file));
  const expected = programs.flatMap(({ expectations }) =>
    expectations.flatMap(({ rule, where }) => (where === 'never' ? [] : (rule ?? []))),
  );
  return [...expected, ...table.flatMap(({ rules }) => rules)];
}

const named = new Set(scenarioFiles([join(ROOT, 'scenarios')]).flatMap(rulesNamedIn));
const policies = listPolicies();

describe('a lesson names every rule of', () => {
  it.each(policies.map(({ name, rules }) => [name, Object.keys(rules)] as const))(
    '%s',
    (_name, rules) => {
      expect(rules.filter((rule) => !named.has(rule))).toEqual([]);
    },
  );
});
