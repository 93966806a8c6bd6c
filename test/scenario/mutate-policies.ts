/**
 * Mutation check of the scenarios: each rule of each policy is flipped to 'allow', one at a time, and
 * at least one scenario has to fail. Prints a table, and the rules that no scenario covers.
 *
 * By hand, after a build, from the project's folder (a rule's id limits it to that rule):
 *   npx esbuild test/scenario/mutate-policies.ts --bundle --platform=node --format=esm --target=node20 \
 *     --packages=external --outfile=.cache/bundled/mutate-policies.mjs && node .cache/bundled/mutate-policies.mjs
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allow, type Policy, type Verdict } from '../../src/policy/policy.js';
import { listPolicies, parsePolicy } from '../../src/policy/registry.js';
import { HOOK_NAMES } from '../../src/policy/stack.js';
import type { FileReport } from '../../src/scenario/report.js';
import { runScenario } from '../../src/scenario/run.js';

interface Lesson {
  readonly file: string;
  readonly text: string;
  /** Rules that spoke in it. */
  readonly rules: ReadonlySet<string>;
}

/** The policy without one of its rules. */
function without(policy: Policy, rule: string): Policy {
  const hooks = HOOK_NAMES.flatMap((hook) => {
    const ask = policy[hook] as ((...args: unknown[]) => Verdict) | undefined;
    if (ask === undefined) return [];
    const wrapped = (...args: unknown[]): Verdict => {
      const verdict = ask.apply(policy, args);
      return verdict.rule === rule ? allow : verdict;
    };
    return [[hook, wrapped] as const];
  });
  const { name, spec, effects, forProgram } = policy;
  return {
    name,
    ...(spec === undefined ? {} : { spec }),
    ...(effects === undefined ? {} : { effects }),
    ...(forProgram === undefined
      ? {}
      : { forProgram: (image) => without(forProgram.call(policy, image), rule) }),
    ...Object.fromEntries(hooks),
  };
}

function include(name: string): string | undefined {
  const file = [name, join('asm', name)].find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

function runWithout(rule: string | undefined, file: string, text: string): Promise<FileReport> {
  return runScenario(text, {
    file,
    include,
    policyOf: (spec, { arch }) => {
      const { policies } = parsePolicy(spec, { arch, os: 'linux' });
      return rule === undefined ? policies : policies.map((policy) => without(policy, rule));
    },
  });
}

const failed = ({ runs, problems }: FileReport): boolean =>
  problems.length > 0 || runs.some(({ result }) => result !== 'pass');

async function lessons(): Promise<Lesson[]> {
  const found: Lesson[] = [];
  for (const name of readdirSync('scenarios', { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(md|s)$/.test(name) || /README\.md$/.test(name)) continue;
    const file = join('scenarios', name);
    const text = readFileSync(file, 'utf8');
    const report = await runWithout(undefined, file, text);
    if (failed(report)) console.log(`${file} fails without any mutation: left out`);
    else found.push({ file, text, rules: new Set(report.runs.flatMap(({ rules }) => rules)) });
  }
  return found;
}

async function catcher(rule: string, all: readonly Lesson[]): Promise<string | undefined> {
  for (const { file, text, rules } of all) {
    if (rules.has(rule) && failed(await runWithout(rule, file, text))) return file;
  }
  return undefined;
}

const wanted = process.argv[2];
const all = await lessons();
const linux = listPolicies().filter(({ os }) => os.includes('linux'));
const rules = linux.flatMap(({ rules: own }) => Object.keys(own));
const uncovered: string[] = [];
for (const rule of rules.filter((each) => wanted === undefined || each === wanted)) {
  const file = await catcher(rule, all);
  if (file === undefined) uncovered.push(rule);
  const spoken = all.some((lesson) => lesson.rules.has(rule));
  const missing = spoken
    ? 'NOT CAUGHT although it decides in a scenario'
    : 'NOT COVERED by any scenario';
  console.log(`${rule.padEnd(40)} ${file === undefined ? missing : `caught by ${file}`}`);
}
console.log(
  `\n${all.length} scenarios; ${uncovered.length} rules survive${uncovered.map((rule) => `\n  ${rule}`).join('')}`,
);
process.exitCode = uncovered.length === 0 ? 0 : 1;
