/** The main job: every program of asm/ under every policy, with what came of it and why. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { causeOf, type Outcome, Sandbox } from '../../index.js';
import { type Command, type Given, integerOf, UsageError } from '../arguments.js';
import { ASM_FOLDER } from '../host/include.js';
import type { LoadedProgram } from '../program/loaded.js';
import { linuxPolicies, splitSpecs } from '../program/policy-list.js';
import { loadProgram } from '../program/program.js';
import { toJson } from '../report/json.js';
import { stdout } from '../terminal/output.js';
import { Progress } from '../terminal/progress.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { type Colour, hang, type Terminal, terminalOf } from '../terminal/terminal.js';

export const demo: Command = {
  name: 'demo',
  summary: 'run every program of asm/ under every policy and print what came of it',
  usage: '[OPTIONS]',
  options: [
    {
      name: 'policies',
      value: 'A,B',
      help: 'policy specs; default: each policy as it is by default',
    },
    { name: 'seed', value: 'N', help: 'what every random choice derives from; default 1' },
    { name: 'json', help: 'print one JSON array instead of a table' },
  ],
  details:
    'The programs generate code and run it, in the ways that are in use; each prints f() = 1001 when\nit works. A number in brackets leads to the reason below the table.',
  examples: ['mayexec demo', 'mayexec demo --policies nx,restricted-wx'],
  run: runDemo,
};

interface Result {
  readonly program: string;
  readonly arch: string;
  readonly policy: string;
  readonly outcome: Outcome;
  readonly stdout: string;
  /** One line; undefined when nothing stood in the way. */
  readonly reason: string | undefined;
}

async function runDemo(given: Given): Promise<number> {
  const [extra] = given.positionals;
  if (extra !== undefined) throw new UsageError(`unexpected argument '${extra}'`);
  const policies = splitSpecs(given.values.get('policies')) ?? linuxPolicies();
  const programs = await Promise.all(programFiles().map((file) => loadProgram(file)));
  const results: Result[] = [];
  const progress = new Progress(programs.length * policies.length);
  for (const program of programs) {
    for (const policy of policies) {
      progress.show(results.length + 1, `${program.name} (${program.arch}) under ${policy}`);
      results.push(await runOne(program, policy, integerOf(given, 'seed')));
    }
  }
  progress.done();
  if (given.switches.has('json')) stdout.lines([toJson(results)]);
  else stdout.lines(demoTable(results, policies, terminalOf(stdout.stream)));
  return 0;
}

/** Sources that are programs: those in the folders of the architectures; the others are included by them. */
function programFiles(): string[] {
  return ['x86-64', 'i386'].flatMap((arch) =>
    readdirSync(join(ASM_FOLDER, arch))
      .filter((name) => name.endsWith('.s'))
      .sort()
      .map((name) => join(ASM_FOLDER, arch, name)),
  );
}

async function runOne(
  program: LoadedProgram,
  policy: string,
  seed: number | undefined,
): Promise<Result> {
  const { name, arch, elf } = program;
  using sandbox = await Sandbox.create({
    arch,
    policy,
    seed,
    program: { bytes: elf, path: `/${name}` },
  });
  const outcome = sandbox.run();
  const stdout = new TextDecoder().decode(sandbox.stdout).trimEnd();
  return { program: name, arch, policy, outcome, stdout, reason: causeOf(sandbox.trace) };
}

const KEYS = ['program', 'arch'];

/** Rows are programs, columns policies; equal reasons share one number. */
export function demoTable(
  results: readonly Result[],
  policies: readonly string[],
  terminal: Terminal,
): string[] {
  const reasons = new Map<string, number>();
  const cellOf = (result: Result): Cell => {
    const { text, colour } = outcomeCell(result);
    if (result.reason === undefined) return { text, colour };
    const number = reasons.get(result.reason) ?? reasons.size + 1;
    reasons.set(result.reason, number);
    return { text: `${text} [${number}]`, colour };
  };
  const rows = new Map<string, Cell[]>();
  for (const result of results) {
    const key = `${result.program} ${result.arch}`;
    const row = rows.get(key) ?? [{ text: result.program }, { text: result.arch }];
    rows.set(key, [...row, cellOf(result)]);
  }
  const header = [...KEYS, ...policies].map((text) => ({ text }));
  const notes = [...reasons].flatMap(([reason, number]) =>
    hang(`[${number}] `, reason, terminal.width),
  );
  return [...renderTable([header, ...rows.values()], terminal, KEYS.length), '', ...notes];
}

function outcomeCell({ outcome, stdout }: Result): { text: string; colour: Colour } {
  switch (outcome.kind) {
    case 'exit':
      return outcome.code === 0
        ? { text: stdout.split('\n').at(-1) || 'exit 0', colour: 'green' }
        : { text: `exit ${outcome.code}`, colour: 'yellow' };
    case 'signal':
      return { text: outcome.signal, colour: 'red' };
    case 'limit':
      return { text: `limit: ${outcome.limit}`, colour: 'yellow' };
    default:
      return { text: outcome.kind, colour: 'yellow' };
  }
}
