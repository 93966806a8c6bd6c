/** checkPreserves, checkFollows: what the calling convention demands of the code. */

import { checkTextList } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import type { AbiName } from '../abi/convention.js';
import { conventionOf } from '../abi/convention.js';
import { type Breach, DUTIES } from '../abi/duties.js';
import { flagsText } from '../abi/machine-state.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';
import { outcomeText } from '../watch/failure.js';
import { lastWriter } from '../watch/last-writer.js';
import { type CheckVerdict, verdictOf } from './verdict.js';

/** Carry, parity, auxiliary, zero, sign, direction, overflow. */
const STATUS_FLAGS = 0xcd5n;

/** A duty of the convention ('callee-saved', 'red-zone', ...), 'flags', or a register. */
export function checkPreserves(result: CallResult, what: string | readonly string[]): CheckVerdict {
  checkResult('checkPreserves', result);
  const wanted = typeof what === 'string' ? [what] : what;
  checkTextList('checkPreserves: what to preserve', wanted);
  if (wanted.length === 0) {
    throw new MayexecError('checkPreserves: the list is empty: expected at least one name');
  }
  const broken = wanted.flatMap((each) => breachesOf(result, each));
  return conventionVerdict(result, broken, `preserve ${wanted.join(', ')}`);
}

/** The whole convention: registers, stack, red zone, shadow space, modes; also at each call that it makes. */
export function checkFollows(result: CallResult, abi?: AbiName): CheckVerdict {
  checkResult('checkFollows', result);
  const { name } = result.facts.convention;
  if (abi !== undefined && conventionOf(abi).name !== name) {
    throw new MayexecError(`the call was made by ${name}: give { abi: '${abi}' } to call()`);
  }
  return conventionVerdict(result, allBreaches(result), `follow ${name}`);
}

function conventionVerdict(
  result: CallResult,
  broken: readonly Breach[],
  expected: string,
): CheckVerdict {
  const [first] = broken;
  const returned = result.outcome.kind === 'return';
  return verdictOf(result, {
    pass: returned && broken.length === 0,
    expected,
    actual: () => {
      if (first === undefined) return returned ? 'it does' : outcomeText(result);
      const breaches = `it ${broken.map(clause).join('; it ')}`;
      return returned ? breaches : `${breaches}; then ${outcomeText(result)}`;
    },
    blame: () => blameOf(result, first),
  });
}

function blameOf(result: CallResult, breach: Breach | undefined): bigint | undefined {
  if (breach?.pc !== undefined) return callBefore(result, breach.pc);
  const register = breach?.register;
  if (register === undefined || breach?.duty === 'stack-pointer') return undefined;
  return lastWriter(result, register);
}

/** A breach at a call is known by where the call returns to: the instruction before that one is meant. */
function callBefore(result: CallResult, pc: bigint): bigint {
  const { decoded } = result.watched();
  for (const instruction of decoded.values()) {
    if (instruction.isCall && instruction.next === pc) return instruction.address;
  }
  return pc;
}

/** Sentences begin with a verb, or with a subject of their own. */
function clause({ duty, message }: Breach): string {
  const own = ['callee-saved', 'return-address', 'caller-frame'].includes(duty);
  return own ? `breaks a duty: ${message}` : message;
}

function breachesOf(result: CallResult, what: string): Breach[] {
  const { before, after } = result;
  const returned = result.outcome.kind === 'return';
  const duty = DUTIES.find((each) => each === what);
  if (duty !== undefined) return allBreaches(result).filter((breach) => breach.duty === duty);
  if (what === 'flags') {
    const same = (((before.eflags ?? 0n) ^ (after.eflags ?? 0n)) & STATUS_FLAGS) === 0n;
    const [were, are] = [before, after].map(({ eflags }) => flagsText(eflags ?? 0n));
    const message = `changes the flags from ${were} to ${are}`;
    return same || !returned ? [] : [{ duty: 'direction-flag', register: 'eflags', message }];
  }
  if (!Object.hasOwn(before, what)) {
    throw unknownValue('register or duty', what, [...DUTIES, 'flags', ...Object.keys(before)]);
  }
  if (before[what] === after[what] || !returned) return [];
  const hex = (value: bigint | undefined): string => `0x${(value ?? 0n).toString(16)}`;
  const message = `changes ${what} from ${hex(before[what])} to ${hex(after[what])}`;
  return [{ duty: 'callee-saved', register: what, message }];
}

/** Those that the host sees, and those that only show between instructions. */
function allBreaches(result: CallResult): Breach[] {
  const watched = result.watched().breaches;
  // A call of a callback is seen by both; the host's sentence knows its name.
  const seen = new Set(
    result.breaches.map(
      ({ duty, pc }) => `${duty} ${pc === undefined ? '' : callBefore(result, pc)}`,
    ),
  );
  const more = watched.filter(({ duty, pc }) => !seen.has(`${duty} ${pc ?? ''}`));
  return [...result.breaches, ...more];
}
