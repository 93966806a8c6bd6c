/** The report of a fatal signal or exception, for people: what happened, where, why the page is as it is, and the code. */
import {
  type Access,
  backtrace,
  disassemble,
  type Frame,
  faultLine,
  firstRefusal,
  formatListing,
  type LoadFailureEvent,
  loadFailureLine,
  type MapsEntry,
  type Outcome,
  peekUpTo,
  plainCauses,
  rightsText,
  ruleOfFault,
  type Sandbox,
  straceCall,
  symbolAt,
  visible,
} from '../../index.js';
import { hang, type Terminal } from '../terminal/terminal.js';
import { frameText, placeText, symbolSuffix } from './address-text.js';

type SignalOutcome = Extract<Outcome, { kind: 'signal' }>;
type ExceptionOutcome = Extract<Outcome, { kind: 'exception' }>;

/** The access that was refused, of either. */
interface Refused {
  readonly access?: Access | undefined;
  readonly address: bigint;
}

const LABEL_WIDTH = 11;
const REPORT_WIDTH = 100;
const LISTED_BEFORE = 4;
const LISTED_AFTER = 6;
const LONGEST_INSTRUCTION = 15;
/** Bytes of a function before the instruction that are decoded to list some of them. */
const MOST_DECODED = 16_384n;
const LISTED_FRAMES = 12;

/** Lines of the report. `outcome` is how the sandbox's last run ended. */
export async function faultReport(
  sandbox: Sandbox,
  outcome: SignalOutcome,
  terminal: Terminal,
): Promise<string[]> {
  const width = Math.min(terminal.width, REPORT_WIDTH);
  const section = (label: string, lines: readonly string[]): string[] =>
    hang(`  ${label}`.padEnd(LABEL_WIDTH), lines, width);
  const head = `mayexec: ${terminal.paint('red', `killed by ${outcome.signal}`)} (${outcome.code})`;
  const unloaded = loadFailure(sandbox);
  if (unloaded !== undefined) {
    // Nothing of it has run: there are no registers and no code to show.
    const why =
      'execve had taken the old program away by then, so it dies of it (no errno is left to return)';
    return [
      head,
      ...section('what', [loadFailureLine(unloaded), why]),
      ...section('policy', policyLines(sandbox)),
    ];
  }
  const frames = backtrace(sandbox);
  const what = [...whatHappened(sandbox, outcome, frames), ...plainCauses(sandbox, outcome)];
  return [head, ...section('what', what), ...(await rest(sandbox, outcome, frames, terminal))];
}

/** Of an end that has no registers to show: what it is, in plain words. */
export function causeLines(causes: readonly string[], { width }: Terminal): string[] {
  return hang('  what'.padEnd(LABEL_WIDTH), causes, Math.min(width, REPORT_WIDTH));
}

/** As `faultReport`, of an exception that nobody handled. Its first lines are in Windows' words. */
export async function unhandledReport(
  sandbox: Sandbox,
  outcome: ExceptionOutcome,
  terminal: Terminal,
): Promise<string[]> {
  const width = Math.min(terminal.width, REPORT_WIDTH);
  const [head = '', ...what] = sandbox.exceptionReport(outcome).map((line) => visible(line.trim()));
  const frames = backtrace(sandbox);
  const { status, parameters, pc } = outcome;
  const [access, address = 0n] = parameters;
  const faults = status === ACCESS_VIOLATION || status === GUARD_PAGE_VIOLATION;
  const refused = { access: faults ? accessOf(access) : undefined, address, pc };
  const name = head.slice(0, head.indexOf(' at '));
  const place = `by the instruction at ${placeText(sandbox, pc)}`;
  const where = refused.access === 'exec' ? caller(frames).replace(/^; /, '') : place;
  const lines = [...what, where].filter((line) => line !== '');
  return [
    `mayexec: ${terminal.paint('red', name)}`,
    ...hang('  what'.padEnd(LABEL_WIDTH), lines, width),
    ...(await rest(sandbox, refused, frames, terminal)),
  ];
}

const ACCESS_VIOLATION = 0xc000_0005;
const GUARD_PAGE_VIOLATION = 0x8000_0001;

/** ExceptionInformation[0]. Without NX a fetch is a read like any other. */
function accessOf(number: bigint | undefined): Access | undefined {
  if (number === undefined) return undefined;
  return number === 8n ? 'exec' : number === 1n ? 'write' : 'read';
}

async function rest(
  sandbox: Sandbox,
  outcome: Refused & { readonly pc: bigint },
  frames: readonly Frame[],
  terminal: Terminal,
): Promise<string[]> {
  const width = Math.min(terminal.width, REPORT_WIDTH);
  const section = (label: string, lines: readonly string[]): string[] =>
    hang(`  ${label}`.padEnd(LABEL_WIDTH), lines, width);
  const raw = (label: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`  ${label}`, ...lines.map((line) => `    ${line}`)];
  return [
    ...section('mapping', mappingLines(sandbox, outcome)),
    ...section('history', historyLines(sandbox, outcome)),
    ...section('frames', frameLines(frames)),
    ...section('policy', policyLines(sandbox)),
    ...raw('registers', registerLines(sandbox)),
    ...raw('code', await listing(sandbox, outcome.pc, terminal)),
  ];
}

function whatHappened(
  sandbox: Sandbox,
  { access, address, code, pc }: SignalOutcome,
  frames: readonly Frame[],
): string[] {
  const fault = sandbox.trace.findLast((event) => event.type === 'fault');
  const at = `by the instruction at ${placeText(sandbox, pc)}`;
  if (code === 'SI_USER' || code === 'SI_TKILL') return [`sent ${at}`];
  if (fault?.type !== 'fault') return [`raised ${at}`];
  const isFetch = code === 'SI_KERNEL' && fault.fault.code === code && fault.fault.pc === pc;
  if (isFetch) return [`${faultLine(fault)}${caller(frames)}`];
  if (access === undefined || fault.fault.address !== address) return [`raised ${at}`];
  const line = `${faultLine(fault)}${symbolSuffix(sandbox, address)}`;
  return [access === 'exec' ? `${line}${caller(frames)}` : `${line}, ${at}`];
}

/** The program counter of a wild call says nothing of where it was made, but the stack does. */
function caller([, next]: readonly Frame[]): string {
  return next?.by === 'top of stack'
    ? `; the return address on the stack is ${frameText(next)}`
    : '';
}

function mappingLines(sandbox: Sandbox, { address, access }: Refused): string[] {
  if (access === undefined) return [];
  const maps = sandbox.maps();
  const found = maps.find(({ start, end }) => start <= address && address < end);
  if (found !== undefined) {
    return [`${mapsLine(found)}${sandbox.os === 'windows' ? '' : mayText(found)}`];
  }
  const below = maps.findLast(({ end }) => end <= address);
  const above = maps.find(({ start }) => start > address);
  return [
    ...(below
      ? [`none; below it, 0x${(address - below.end).toString(16)} bytes away: ${mapsLine(below)}`]
      : []),
    ...(above
      ? [`none; above it, 0x${(above.start - address).toString(16)} bytes away: ${mapsLine(above)}`]
      : []),
  ];
}

/** Of Windows the attributes say what letters say elsewhere. */
function mapsLine({ start, end, perms, name, vmFlags }: MapsEntry): string {
  const rights = vmFlags[0]?.startsWith('MEM_') ? vmFlags.join(' ') : perms;
  return `${start.toString(16)}-${end.toString(16)} ${rights} ${name}`.trimEnd();
}

/** Which of the missing rights mprotect could still give (VM_MAY*). */
function mayText({ perms, vmFlags }: MapsEntry): string {
  const rights = [
    ['r', 'mr', 'readable'],
    ['w', 'mw', 'writable'],
    ['x', 'me', 'executable'],
  ] as const;
  const missing = rights.filter(([letter]) => !perms.includes(letter));
  const may = missing.filter(([, flag]) => vmFlags.includes(flag)).map(([, , word]) => word);
  const never = missing.filter(([, flag]) => !vmFlags.includes(flag)).map(([, , word]) => word);
  return [
    ...(may.length > 0 ? [`; may become ${may.join(' and ')}`] : []),
    ...(never.length > 0 ? [`; may never become ${never.join(' or ')}`] : []),
  ].join('');
}

function historyLines(sandbox: Sandbox, { address, access }: Refused): string[] {
  if (access === undefined) return [];
  return sandbox.history(address).map(({ cause, before, after, rule, reason }) => {
    const change =
      before === undefined
        ? `made it ${rightsText(after)}`
        : `changed it from ${rightsText(before)} to ${rightsText(after)}`;
    return `${cause} ${change}${rule === undefined ? '' : `; ${reason ?? ''} (${rule})`}`;
  });
}

/** Of the process that ended, which may never have begun to run: its child may have died of another. */
function loadFailure({ trace }: Sandbox): LoadFailureEvent | undefined {
  const end = trace.findLast((event) => event.type === 'end');
  const failure = trace.findLast(
    (event) => event.type === 'load-failure' && event.pid === (end ?? event).pid,
  );
  return failure?.type === 'load-failure' ? failure : undefined;
}

/** Of one frame alone the line above has said everything but the source line. */
function frameLines(frames: readonly Frame[]): string[] {
  if (frames.length < 2 && frames[0]?.file === undefined) return [];
  const shown = frames
    .slice(0, LISTED_FRAMES)
    .map((frame, index) => `#${index} ${frameText(frame)}`);
  const rest = frames.length - shown.length;
  return [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more`] : []),
    ...(shown.some((line) => line.endsWith('?'))
      ? ['?: found on the stack, where there is nothing to tell frames apart']
      : []),
  ];
}

/** The first refusal in full: a program that does not check its calls dies later of that one. */
function policyLines({ policy, trace }: Sandbox): string[] {
  const refusal = firstRefusal(trace);
  const rule = ruleOfFault(trace);
  if (refusal === undefined) {
    return [`${policy}; it refused no call`, ...(rule === undefined ? [] : [rule])];
  }
  const { sentence, call } = refusal;
  return [policy, sentence, ...(call === undefined ? [] : [straceCall(call)])];
}

const REGISTERS = {
  'x86-64': [
    ['rax', 'rbx', 'rcx', 'rdx'],
    ['rsi', 'rdi', 'rbp', 'rsp'],
    ['r8', 'r9', 'r10', 'r11'],
    ['r12', 'r13', 'r14', 'r15'],
    ['rip', 'eflags'],
  ],
  i386: [
    ['eax', 'ebx', 'ecx', 'edx'],
    ['esi', 'edi', 'ebp', 'esp'],
    ['eip', 'eflags'],
  ],
} as const;

function registerLines({ arch, regs }: Sandbox): string[] {
  const digits = arch === 'i386' ? 8 : 16;
  return REGISTERS[arch].map((row) =>
    row
      .map((name) => `${name.padEnd(3)} ${(regs[name] ?? 0n).toString(16).padStart(digits, '0')}`)
      .join('  '),
  );
}

/** Instructions around pc: those before it decoded from the label before it. Zeros at the end are no code. */
async function listing(sandbox: Sandbox, pc: bigint, { paint }: Terminal): Promise<string[]> {
  const { arch, symbols } = sandbox;
  const start = symbolAt(sandbox, pc)?.address ?? pc;
  const from = pc - start <= MOST_DECODED ? start : pc;
  const before = await disassemble(peekUpTo(sandbox, from, Number(pc - from)), {
    arch,
    address: from,
  });
  const code = peekUpTo(sandbox, pc, LISTED_AFTER * LONGEST_INSTRUCTION);
  const after = await disassemble(code, { arch, address: pc, count: LISTED_AFTER });
  const end = after.findLastIndex(
    ({ address, bytes }) => address === pc || bytes.some((byte) => byte !== 0),
  );
  const shown = [...before.slice(-LISTED_BEFORE), ...after.slice(0, end + 1)];
  return formatListing(shown, { mark: pc, symbols }).map((line) =>
    line.startsWith('=>') ? paint('bold', line) : line,
  );
}
