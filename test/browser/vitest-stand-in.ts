/**
 * Stands in for vitest where a browser runs a spec: the parts of its interface that the specs use, with
 * vitest's own expectations and spies behind them.
 */
import {
  chai,
  type ExpectStatic,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from '@vitest/expect';
import { spyOn } from '@vitest/spy';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

/** The three plug-ins above put there what the type says, but for what only a test runner knows. */
export const expect = chai.expect as unknown as ExpectStatic;
export const vi = { spyOn };

export interface CaseResult {
  readonly name: string;
  /** Undefined when it passed. */
  readonly error?: string;
}

type Body = (...args: never[]) => unknown;
type Hook = () => unknown;

interface Group {
  readonly name: string;
  readonly before: Hook[];
  readonly after: Hook[];
}

interface Case {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly body: Hook;
}

const cases: Case[] = [];
let groups: readonly Group[] = [];

function addGroup(name: string, body: Hook): void {
  const outer = groups;
  groups = [...outer, { name, before: [], after: [] }];
  body();
  groups = outer;
}

function addCase(name: string, body: Hook): void {
  cases.push({ name: [...groups.map((group) => group.name), name].join(' > '), groups, body });
}

export const describe = Object.assign(addGroup, { each: each(addGroup) });
export const it = Object.assign(addCase, { each: each(addCase) });

export function beforeEach(hook: Hook): void {
  innermost().before.push(hook);
}

export function afterEach(hook: Hook): void {
  innermost().after.push(hook);
}

function innermost(): Group {
  const group = groups.at(-1);
  if (group === undefined) throw new Error('hooks stand inside a describe');
  return group;
}

/** One case for each row; `%s` and its kin take the row's values in order. */
function each(add: (name: string, body: Hook) => void) {
  return (rows: readonly unknown[]) => (title: string, body: Body) => {
    for (const row of rows) {
      const values = Array.isArray(row) ? row : [row];
      let next = 0;
      const name = title.replace(/%[sdijxo]/g, () => String(values[next++]));
      add(name, () => body(...(values as never[])));
    }
  };
}

/** Runs everything that was described, in order. */
export async function runCases(): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, groups: around, body } of cases) {
    const error = await attempt([...around.flatMap((group) => group.before), body]);
    const after = await attempt(around.toReversed().flatMap((group) => group.after));
    const failed = error ?? after;
    results.push(failed === undefined ? { name } : { name, error: failed });
  }
  return results;
}

async function attempt(steps: readonly Hook[]): Promise<string | undefined> {
  try {
    for (const step of steps) await step();
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
