/** Faults against expectations. A fetch faults at its target; what jumped there is told by the stack. */

import { lineBefore, lineOf, positionAt, sourceLine } from '../read/places.js';
import type { Check, Expectation, ReadyProgram } from '../read/scenario.js';
import type { Difference } from './difference.js';
import type { Observed, ObservedFault } from './observe.js';

interface FaultExpectation extends Expectation {
  readonly check: Extract<Check, { kind: 'fault' }>;
}

export function compareFaults(
  program: ReadyProgram,
  all: readonly Expectation[],
  observed: Observed,
): Difference[] {
  const expected = all.filter((each): each is FaultExpectation => each.check.kind === 'fault');
  const meets = (each: FaultExpectation, fault: ObservedFault): boolean =>
    sameFault(each, fault, program) &&
    (each.where !== 'here' || standsAt(each, fault, program, observed));
  const differences = expected.flatMap((each): Difference[] => {
    const met = observed.faults.find((fault) => meets(each, fault));
    const { position, text, where } = each;
    if (where === 'never') {
      if (met === undefined) return [];
      return [
        { position, message: 'it happened all the same', expected: text, actual: faultText(met) },
      ];
    }
    if (met !== undefined) return [];
    const others = [...new Set(observed.faults.map((fault) => placed(fault, program, observed)))];
    const actual = others.length === 0 ? 'no fault' : others.slice(0, 5).join('; ');
    return [{ position, message: 'the fault did not come', expected: text, actual }];
  });
  const wanted = expected.filter(({ where }) => where !== 'never');
  const seen = new Set<string>();
  for (const fault of observed.faults) {
    if (wanted.some((each) => meets(each, fault))) continue;
    const text = placed(fault, program, observed);
    if (seen.has(text)) continue;
    seen.add(text);
    const position = positionAt(program, lineAt(fault, program, observed));
    differences.push({ position, message: 'unexpected fault', expected: undefined, actual: text });
  }
  return differences;
}

function sameFault(
  { check, rule }: FaultExpectation,
  fault: ObservedFault,
  program: ReadyProgram,
): boolean {
  const { access, code, address } = fault.event.fault;
  return (
    access === check.access &&
    (check.code === undefined || check.code === code) &&
    (check.label === undefined || program.symbols.get(check.label) === address) &&
    (rule === undefined || rule === fault.rule)
  );
}

/**
 * A fetch faults at its target, which may be a line of the program's data. A jump leaves no trace of where
 * it was made: then any instruction that is no call may have made it.
 */
function standsAt(
  { anchor }: FaultExpectation,
  fault: ObservedFault,
  program: ReadyProgram,
  observed: Observed,
): boolean {
  const own = lineOf(program, fault.event.fault.pc);
  if (own === anchor && own !== undefined) return true;
  if (fault.event.fault.access !== 'exec') return false;
  const isCall = anchor !== undefined && /\bcall\b/.test(sourceLine(program, anchor));
  const caller = callerLine(fault, program, observed);
  return !isCall || caller === undefined || caller === anchor;
}

function callerLine(
  fault: ObservedFault,
  program: ReadyProgram,
  observed: Observed,
): number | undefined {
  const isLast = fault === observed.faults.at(-1);
  if (!isLast || observed.calledFrom === undefined) return undefined;
  const line = lineBefore(program, observed.calledFrom);
  return line !== undefined && /\bcall\b/.test(sourceLine(program, line)) ? line : undefined;
}

function lineAt(
  fault: ObservedFault,
  program: ReadyProgram,
  observed: Observed,
): number | undefined {
  const own = lineOf(program, fault.event.fault.pc);
  if (fault.event.fault.access !== 'exec') return own;
  return callerLine(fault, program, observed) ?? own;
}

/** `fault exec SEGV_ACCERR by nx/no-exec`. */
function faultText({ event, rule }: ObservedFault): string {
  const { access, code } = event.fault;
  return `fault ${access} ${code}${rule === undefined ? '' : ` by ${rule}`}`;
}

function placed(fault: ObservedFault, program: ReadyProgram, observed: Observed): string {
  const line = lineAt(fault, program, observed);
  const place =
    line === undefined ? `at 0x${fault.event.fault.pc.toString(16)}` : `in line ${line}`;
  return `${faultText(fault)} ${place}`;
}
