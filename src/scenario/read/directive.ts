/** Directives: what follows `;@` in a program, read strictly, so that a misspelt one is no comment. */
import { ERRNO } from '../../abi/linux/errno.js';
import { FAULT_CODE, SIGNAL } from '../../abi/linux/signal.js';
import { checkText } from '../../base/arguments.js';
import type { Errno } from '../../base/errno.js';
import { MayexecError, nearest, unknownValue } from '../../base/errors.js';
import type { Access, FaultCode } from '../../base/outcome.js';
import { FINDING_KINDS } from '../../diagnosis/monitor/finding.js';
import { NO_OWN_POLICIES } from '../../policy/own-policies.js';
import { listMechanisms, listPolicies } from '../../policy/registry.js';
import { MACHINE_RULES } from '../../sandbox/worlds.js';
import { namedConstants } from '../../toolchain/constants.js';
import type { Check, ExpectedResult, ParsedCheck } from './scenario.js';

const ACCESSES: readonly Access[] = ['read', 'write', 'exec'];
const CODES: readonly FaultCode[] = [
  'SEGV_MAPERR',
  'SEGV_ACCERR',
  'SEGV_PKUERR',
  'BUS_ADRERR',
  'SI_KERNEL',
];
const WORDS = [
  'fault',
  'finding',
  'exited',
  'killed',
  'raised',
  'stopped',
  'asleep',
  'deadlock',
  'halted',
  'oops',
  'triple-fault',
  'stdout',
  'stderr',
  'log',
] as const;
const PREFIXES = ['anywhere', 'never'];

/** The start of a directive in a line of assembly, outside of strings; -1 without one. */
export function directiveStart(line: string): number {
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (quoted) {
      if (char === '\\') at++;
      else if (char === '"') quoted = false;
    } else if (char === '"' && line[at - 1] !== "'") quoted = true;
    else if (char === '#' || (char === ';' && line[at + 1] === '@')) return line.indexOf(';@', at);
  }
  return -1;
}

/** A source that an assembler reads: the lines stay where they are. */
export function withoutDirectives(source: string): string {
  checkText('withoutDirectives: the source', source);
  const cut = (line: string): string => {
    const start = directiveStart(line);
    return start === -1 ? line : line.slice(0, start);
  };
  return source.split('\n').map(cut).join('\n');
}

/** `plain,hard: exited 0` is about two runs; without names it is about all. */
export function splitRuns(text: string): {
  runs: string[] | undefined;
  rest: string;
  skipped: number;
} {
  const match = /^\s*([\w.+-]+(?:\s*,\s*[\w.+-]+)*)\s*:\s*/.exec(text);
  if (match === null) {
    const rest = text.trimStart();
    return { runs: undefined, rest: rest.trimEnd(), skipped: text.length - rest.length };
  }
  const runs = match[1]!.split(',').map((name) => name.trim());
  return { runs, rest: text.slice(match[0].length).trimEnd(), skipped: match[0].length };
}

/** @throws MayexecError that says what is wrong and what was meant. */
export function parseCheck(text: string, own = NO_OWN_POLICIES): ParsedCheck {
  const [, prefix, body = ''] = /^(?:(anywhere|never)\s+)?(.*)$/s.exec(text) ?? [];
  const where = prefix === 'anywhere' || prefix === 'never' ? prefix : 'here';
  const [by, rule] = body.includes('"') ? [] : (/\sby\s+(\S+)$/.exec(body) ?? []);
  const check = checkOf((by === undefined ? body : body.slice(0, -by.length)).trim());
  if (rule !== undefined) {
    knownRule(rule, own);
    if (check.kind === 'output') throw new MayexecError("'by' says nothing of an output");
    if (check.kind === 'finding') throw new MayexecError("a finding has no rule: leave out 'by'");
  }
  if (where !== 'here' && (check.kind === 'end' || check.kind === 'output')) {
    throw new MayexecError(`'${where}' goes with a call, a fault or a finding`);
  }
  return { check, where, ...(rule === undefined ? {} : { rule }) };
}

function checkOf(text: string): Check {
  const call = /^(\w+)\s*=\s*(.*)$/.exec(text);
  if (call !== null) return { kind: 'call', name: callName(call[1]!), result: resultOf(call[2]!) };
  const [word = '', ...rest] = text.split(/\s+/);
  switch (word) {
    case 'fault':
      return faultOf(rest);
    case 'finding': {
      const [kind = ''] = only(word, rest, 1);
      return { kind: 'finding', finding: oneOf('finding', kind, FINDING_KINDS) };
    }
    case 'exited':
      return { kind: 'end', end: { kind: 'exited', code: exitCode(rest) } };
    case 'killed':
      return killedOf(rest);
    case 'raised':
      return { kind: 'end', end: { kind: 'raised', status: statusOf(rest) } };
    case 'stopped': {
      const [limit = ''] = only(word, rest, 1);
      return {
        kind: 'end',
        end: { kind: 'stopped', limit: oneOf('limit', limit, ['blocks', 'memory']) },
      };
    }
    case 'asleep':
    case 'deadlock':
    case 'halted':
    case 'oops':
    case 'triple-fault':
      only(word, rest, 0);
      return { kind: 'end', end: { kind: word } };
    case 'stdout':
    case 'stderr':
    case 'log':
      return outputOf(word, text.slice(word.length).trim());
    default:
      throw unknownDirective(word);
  }
}

function unknownDirective(word: string): MayexecError {
  const known = [...WORDS, ...PREFIXES];
  const guess = nearest(word, known);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  return new MayexecError(
    `unknown directive '${word}': expected CALL = RESULT or one of ${known.join(', ')}${hint}`,
  );
}

const CALL_NAMES: ReadonlySet<string> = new Set(
  [...namedConstants('x86-64').keys(), ...namedConstants('i386').keys()].flatMap((name) =>
    name.startsWith('SYS_') ? [name.slice(4)] : [],
  ),
);

function callName(name: string): string {
  // Functions of the Windows API begin with a capital, and no system call of Linux does.
  if (CALL_NAMES.has(name) || /^[A-Z]/.test(name)) return name;
  const guess = nearest(name, CALL_NAMES);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  throw new MayexecError(`unknown system call '${name}'${hint}`);
}

function resultOf(text: string): ExpectedResult {
  if (text === 'ok') return { kind: 'ok' };
  const error = /^error (\d+)$/.exec(text)?.[1];
  if (error !== undefined) return { kind: 'error', error: Number(error) };
  if (/^-?(\d+|0x[0-9a-f]+)$/i.test(text)) {
    const digits = BigInt(text.replace('-', ''));
    return { kind: 'value', value: text.startsWith('-') ? -digits : digits };
  }
  if (Object.hasOwn(ERRNO, text)) return { kind: 'errno', errno: text as Errno };
  const guess = nearest(text, [...Object.keys(ERRNO), 'ok']);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  throw new MayexecError(`'${text}' is no result: expected ok, a number or an errno${hint}`);
}

function faultOf(words: readonly string[]): Check {
  const [access = '', ...rest] = words;
  const known = oneOf('access', access, ACCESSES);
  const at = rest.indexOf('at');
  const label = at === -1 ? undefined : rest[at + 1];
  if (at !== -1 && label === undefined) throw new MayexecError("expected a label after 'at'");
  const others = at === -1 ? rest : rest.filter((_, index) => index !== at && index !== at + 1);
  const [code] = only('fault', others, 1, 0);
  return {
    kind: 'fault',
    access: known,
    ...(code === undefined ? {} : { code: oneOf('fault code', code, CODES) }),
    ...(label === undefined ? {} : { label }),
  };
}

/** An NTSTATUS as a number of eight digits. */
function statusOf(words: readonly string[]): number {
  const [text = ''] = only('raised', words, 1);
  if (/^0x[0-9a-f]{8}$/i.test(text)) return Number(text);
  throw new MayexecError(`'${text}' is no status: expected one as 0xc0000005`);
}

function exitCode(words: readonly string[]): number {
  const [text = ''] = only('exited', words, 1);
  // Of Linux 0 to 255; codes of Windows have 32 bits.
  if (/^\d+$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw new MayexecError(`'${text}' is no exit status: expected 0 to 4294967295`);
}

const SIGNAL_CODES = [
  ...Object.values(FAULT_CODE).flatMap((codes) => Object.keys(codes)),
  'SI_KERNEL',
  'SI_USER',
  'SI_TKILL',
];

function killedOf(words: readonly string[]): Check {
  const [signal = '', code] = only('killed', words, 2, 1);
  oneOf('signal', signal, Object.keys(SIGNAL));
  if (code !== undefined) oneOf('signal code', code, SIGNAL_CODES);
  return { kind: 'end', end: { kind: 'killed', signal, ...(code === undefined ? {} : { code }) } };
}

function outputOf(stream: 'stdout' | 'stderr' | 'log', text: string): Check {
  const [, has, quoted] = /^(has\s+)?("(?:[^"\\]|\\.)*")$/.exec(text) ?? [];
  if (quoted === undefined) {
    throw new MayexecError(
      `expected ${stream} "text" or ${stream} has "text", with \\n for a new line`,
    );
  }
  if (stream === 'log' && has === undefined) {
    throw new MayexecError('of the kernel log only parts are compared: log has "text"');
  }
  try {
    return { kind: 'output', stream, text: String(JSON.parse(quoted)), whole: has === undefined };
  } catch {
    throw new MayexecError(
      `${quoted} has an unknown escape: \\n, \\t, \\", \\\\ and \\u0000 are known`,
    );
  }
}

function only(
  word: string,
  words: readonly string[],
  most: number,
  least = most,
): readonly string[] {
  if (words.length >= least && words.length <= most) return words;
  if (words.length < least)
    throw new MayexecError(`'${word}' needs ${least === 1 ? 'a word' : `${least} words`} after it`);
  throw new MayexecError(
    `unexpected '${words[most]}' after '${[word, ...words.slice(0, most)].join(' ')}'`,
  );
}

function oneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) throw unknownValue(what, value, known);
  return found;
}

const RULES: ReadonlySet<string> = new Set([
  ...[...listPolicies(), ...listMechanisms()].flatMap(({ rules = {} }) => Object.keys(rules)),
  ...MACHINE_RULES,
]);

/** @throws MayexecError for a rule that no policy has. Which rules the caller's own have, only they know. */
export function knownRule(rule: string, own = NO_OWN_POLICIES): void {
  if (RULES.has(rule) || own.has(rule.split('/')[0] ?? '')) return;
  const guess = nearest(rule, RULES);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  throw new MayexecError(`unknown rule '${rule}' (see mayexec policies)${hint}`);
}
