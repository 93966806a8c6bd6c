/** Why a run was refused and what would work, for people: a page that fits a terminal. */
import { join } from 'node:path';
import {
  type Explanation,
  explain,
  type GuestOs,
  type KnownProgram,
  listMechanisms,
  type Remedy,
  type Sandbox,
  type Spent,
  straceCall,
} from '../../index.js';
import { ASM_FOLDER } from '../host/include.js';
import type { GivenProgram } from '../program/open.js';
import { loadProgram } from '../program/program.js';
import { hang, type Terminal } from '../terminal/terminal.js';
import { placeText } from './address-text.js';
import { endingText } from './ending.js';

const LABEL_WIDTH = 11;
const PAGE_WIDTH = 100;
/** Beyond these the page would not fit; --explain=full has all. */
const MOST_WORKING = 4;
const MOST_REFUSED = 3;
const MOST_STEPS = 4;

/** Ten times what an explanation may cost that nobody asked for. */
const FULL_LIMITS = { blocks: 400_000_000, seconds: 100 };

/** Programs of asm/ that go another way, by what they do. */
const OTHER_WAYS: Readonly<Record<string, string>> = {
  'jit-dual-memfd': 'two views of a memfd, one writable and one executable',
  'jit-dual-file': 'two views of a file in /tmp, one writable and one executable',
};

/** Undefined when nothing was refused. `full`: with more time to try everything. */
export async function explanationOf(
  { options, program: { arch, entry } }: GivenProgram,
  full: boolean,
  os: GuestOs,
): Promise<Explanation | undefined> {
  // What would work is a question about programs.
  if (os === 'kernel') return undefined;
  const ways = os === 'linux' ? Object.entries(OTHER_WAYS) : [];
  const programs = await Promise.all(
    ways.map(async ([name, way]): Promise<KnownProgram> => {
      const { elf } = await loadProgram(join(ASM_FOLDER, arch, `${name}.s`));
      return { text: `${way}, as in asm/${arch}/${name}.s`, elf };
    }),
  );
  return explain(options, { entry, programs, limits: full ? FULL_LIMITS : undefined });
}

export function explanationLines(
  sandbox: Sandbox,
  explanation: Explanation,
  full: boolean,
  { paint, width }: Terminal,
): string[] {
  const page = Math.min(width, PAGE_WIDTH);
  const section = (label: string, lines: readonly string[]): string[] =>
    hang(`  ${label}`.padEnd(LABEL_WIDTH), lines, page);
  const { rule, reason, why, remedies } = explanation;
  const least = full ? Number.POSITIVE_INFINITY : MOST_WORKING;
  const works = (kind: Remedy['kind']): string[] =>
    remedies.filter((each) => each.kind === kind && each.works).map(({ text }) => text);
  const refused = remedies.filter(({ kind, works: good }) => kind !== 'switch' && !good);
  const shown = refused.slice(0, full ? refused.length : MOST_REFUSED);
  const ways = [...works('call'), ...works('program')].slice(0, least);
  const switches = works('switch').slice(0, full ? least : 1);
  return [
    paint('bold', `mayexec: ${whyItFailed(explanation)}, and what would work`),
    ...section('asked', askedLines(sandbox, explanation)),
    ...section('rule', [
      rule === undefined ? withoutRule(explanation) : `${rule}: ${reason ?? ''}`,
    ]),
    ...section('why', why === undefined ? [] : [why]),
    ...section('history', historyLines(sandbox, explanation, full)),
    ...section('works', ways.length === 0 ? [nothingWorks(explanation)] : ways),
    ...section(
      'weakens',
      switches.map((text) => `${text} (works, and takes the protection away)`),
    ),
    ...section(
      'not',
      shown.map((each) => `${each.text}: ${whyNot(each)}`),
    ),
    ...section('untried', untriedLines(explanation, full)),
    ...(full || remedies.length === 0
      ? []
      : section('', ['each was run to see; --explain=full lists all'])),
  ];
}

function whyItFailed(explanation: Explanation): string {
  const { policy, rule } = explanation;
  if (isInjected(explanation)) return 'a failure was injected';
  // A noexec mount, say: the policy had no word in it.
  if (rule === undefined) return 'why the kernel refused it';
  const [name = ''] = rule.split('/');
  if (name === 'lsm') return 'why the kernel beside the program refused it';
  const isMechanism = listMechanisms().some((mechanism) => mechanism.name === name);
  return `why ${isMechanism ? name : policy} refused it`;
}

function isInjected({ asked }: Explanation): boolean {
  return asked.endsWith('(INJECTED)');
}

function withoutRule(explanation: Explanation): string {
  return isInjected(explanation)
    ? 'none: the failure was injected'
    : 'none of a policy: the kernel itself';
}

function nothingWorks({ unhindered, remedies }: Explanation): string {
  if (unhindered.kind === 'signal' || unhindered.kind === 'exception') {
    return `nothing was tried: without any policy the program is ${endingText(unhindered)} as well`;
  }
  return remedies.length === 0 ? 'nothing was tried' : 'nothing that was tried, under this policy';
}

function whyNot({ outcome, refused, limit }: Remedy): string {
  if (limit !== undefined) return `does not end within the limit of ${limit}`;
  return refused ?? outcome;
}

const SPENT: Readonly<Record<Spent, (limit: number) => string>> = {
  blocks: (limit) => `${limit.toLocaleString('en')} blocks are spent`,
  seconds: (limit) => `${limit} seconds have passed, which depends on this machine`,
  memory: (limit) => `the program itself needs more than ${limit >> 20} MiB`,
};

function untriedLines({ untried }: Explanation, full: boolean): string[] {
  if (untried === undefined) return [];
  const { spent, limit, remedies } = untried;
  const what = full ? remedies.join('; ') : `${remedies.length} other ways`;
  return [`${what}: ${SPENT[spent](limit)}`];
}

/** A wild fetch names the address that it was made at already. Of Wine both calls count: the program's and Wine's own. */
function askedLines(sandbox: Sandbox, { asked, above, byCall, pc }: Explanation): string[] {
  const place = `, at ${placeText(sandbox, pc)}`;
  if (above !== undefined) return [`${above}${place}`, `under it, of Wine: ${asked}`];
  if (sandbox.os === 'wine' && byCall) {
    return [asked, 'made by Wine itself, to load the program: its first instruction never ran'];
  }
  return [asked.includes(`from 0x${pc.toString(16)}`) ? asked : `${asked}${place}`];
}

function historyLines(sandbox: Sandbox, { history }: Explanation, full: boolean): string[] {
  const steps = full ? history : history.slice(-MOST_STEPS);
  return steps.map(({ what, pc, call }) => {
    // What the kernel did at execve no instruction did.
    if (pc === 0n) return what;
    const at = `${what} at ${placeText(sandbox, pc)}`;
    return call === undefined ? at : `${at}: ${straceCall(call)}`;
  });
}
