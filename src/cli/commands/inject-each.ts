/** `mayexec run --inject-each`: the same program once for each call of some kinds failing. */
import {
  callFamily,
  callsNamed,
  classify,
  faultLine,
  MayexecError,
  type Outcome,
  type OutcomeClass,
  type Sandbox,
  siteOf,
  straceCall,
} from '../../index.js';
import { type GivenProgram, openProgram, startProgram } from '../program/open.js';
import { placeText } from '../report/address-text.js';
import { endingText } from '../report/ending.js';
import { type Cell, renderTable } from '../terminal/table.js';
import type { Colour, Terminal } from '../terminal/terminal.js';

/** Any call that takes memory can fail with it: a system call, a function of Windows, an Nt function. */
function noMemory(call: string): string {
  if (!/^[A-Z]/.test(call)) return 'ENOMEM';
  return call.startsWith('Nt') ? 'STATUS_NO_MEMORY' : 'ERROR_NOT_ENOUGH_MEMORY';
}

/** Of one kind: a program that maps in a loop is told apart by its first calls. */
const MOST_RUNS = 100;

export interface EachTrial {
  readonly call: string;
  /** Counted from 1. */
  readonly k: number;
  readonly errno: string;
  /** The failed call as strace prints it. */
  readonly line: string;
  /** The instruction that made it. */
  readonly pc: bigint;
  readonly at: string;
  readonly outcome: OutcomeClass;
  readonly ending: string;
}

export interface EachReport {
  readonly trials: readonly EachTrial[];
  /** Kinds of which not every call was tried. */
  readonly cut: readonly string[];
}

/**
 * Fails the first call of each kind, then the second, until there is none. Outcomes compare with the
 * same program under the same policy where nothing fails.
 * @throws MayexecError for an unknown call or errno.
 */
export async function injectEach(given: GivenProgram, spec: string): Promise<EachReport> {
  const [, names, errno] = /^([^:]*)(?::error=([^:]*))?$/.exec(spec) ?? [];
  if (names === undefined) {
    throw new MayexecError(`--inject-each '${spec}': expected CALL[,CALL...][:error=ERRNO]`);
  }
  using reference = await openProgram(given);
  const expected = finished(reference, startProgram(reference, given));
  const trials: EachTrial[] = [];
  const cut: string[] = [];
  for (const call of callsNamed(names, reference)) {
    for (let k = 1; ; k++) {
      if (k > MOST_RUNS) {
        cut.push(call);
        break;
      }
      const trial = await tryOne(given, { call, k, errno: errno ?? noMemory(call) }, expected);
      if (trial === undefined) break;
      trials.push(trial);
    }
  }
  return { trials, cut };
}

type Finished = Parameters<typeof classify>[0];

function finished({ trace, stdout }: Sandbox, outcome: Outcome): Finished {
  return { outcome, trace: [...trace], stdout: stdout.slice() };
}

/** Undefined when the program makes no k-th call. */
async function tryOne(
  given: GivenProgram,
  { call, k, errno }: Pick<EachTrial, 'call' | 'k' | 'errno'>,
  expected: Finished,
): Promise<EachTrial | undefined> {
  const injection = `${call}:error=${errno}:when=${k}`;
  const before = given.options.inject ?? [];
  using sandbox = await openProgram(given, { inject: [injection, before].flat() });
  const outcome = startProgram(sandbox, given);
  if (sandbox.injections[0]?.injected === 0) return undefined;
  const failed = sandbox.trace.find(
    (event) =>
      (event.type === 'syscall' || event.type === 'api') &&
      event.injected === 'result' &&
      callFamily(event.name) === call,
  );
  if (failed?.type !== 'syscall' && failed?.type !== 'api') return undefined;
  const pc = siteOf(failed);
  return {
    call,
    k,
    errno,
    line: straceCall(failed),
    pc,
    at: placeText(sandbox, pc),
    outcome: classify(finished(sandbox, outcome), expected).class,
    ending: ending(sandbox, outcome),
  };
}

/** With what the program said last, or what it did that killed it. */
function ending({ trace, stderr }: Sandbox, outcome: Outcome): string {
  const said = new TextDecoder().decode(stderr).trimEnd().split('\n').at(-1);
  const fault = trace.findLast((event) => event.type === 'fault');
  const text = endingText(outcome);
  if (outcome.kind === 'exit' && said) return `${text}, having said '${said}'`;
  return outcome.kind === 'signal' && fault?.type === 'fault'
    ? `${text}: ${faultLine(fault)}`
    : text;
}

const COLOURS: Readonly<Record<OutcomeClass, Colour>> = {
  works: 'green',
  'falls back': 'green',
  errors: 'yellow',
  crashes: 'red',
};

export function eachTable({ trials, cut }: EachReport, terminal: Terminal): string[] {
  if (trials.length === 0) return ['the program makes none of these calls'];
  const header = ['call', 'k', 'at', 'outcome', 'ending'].map((text) => ({ text }));
  const rows = trials.map(({ call, k, outcome, at, ending: end }): Cell[] => [
    { text: call },
    { text: String(k) },
    { text: at },
    { text: outcome, colour: COLOURS[outcome] },
    { text: end },
  ]);
  const crashes = trials.filter(({ outcome }) => outcome === 'crashes').length;
  const count = `${trials.length} ${trials.length === 1 ? 'failure' : 'failures'} of ${[...new Set(trials.map(({ call }) => call))].join(', ')} with ${[...new Set(trials.map(({ errno }) => errno))].join(', ')}`;
  return [
    ...renderTable([header, ...rows], terminal, 2),
    '',
    `${count}: ${crashes === 0 ? 'none crashes' : terminal.paint('red', `${crashes} not handled`)}`,
    ...cut.map((call) => `of ${call} only the first ${MOST_RUNS} were tried`),
  ];
}
