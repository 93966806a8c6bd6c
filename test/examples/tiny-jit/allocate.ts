/**
 * Linear scan: each virtual register gets a real one for as long as its value is needed, or a slot on the stack.
 * Source: Poletto and Sarkar, "Linear scan register allocation" (1999); lifetimes from a data-flow analysis, so
 * that what a loop carries lives through the whole loop.
 */
import { R8, R9, R10, R11, R12, R13, R14, R15, RBP, RBX, RCX, RDI, RDX, RSI } from './encoder.js';
import type { Operand, Step, StepList } from './steps.js';

/** Where arguments come in (System V). */
export const ARGUMENTS = [RDI, RSI, RDX, RCX, R8, R9] as const;
/** Handed out last: each costs a push and a pop. rax, rcx and rdx are the emitter's to work with. */
export const CALLEE_SAVED = [RBX, RBP, R12, R13, R14, R15] as const;
const CALLER_SAVED = [RDI, RSI, R8, R9, R10, R11] as const;

/** A real register, or a slot by number. */
export type Home = { readonly register: number } | { readonly slot: number };

export interface Allocation {
  readonly homes: readonly Home[];
  readonly slots: number;
}

interface Interval {
  readonly virtual: number;
  /** Twice the step's number where it is an input, one more where it is a result. */
  start: number;
  end: number;
  /** Its value is still needed after a call that it was there before. */
  crossesCall: boolean;
}

export function allocate(list: StepList): Allocation {
  const homes: Home[] = Array.from({ length: list.count }, () => ({ slot: -1 }));
  let slots = 0;
  let active: Interval[] = [];
  const registerOf = ({ virtual }: Interval): number => {
    const home = homes[virtual]!;
    return 'register' in home ? home.register : -1;
  };
  for (const interval of intervalsOf(list)) {
    active = active.filter(({ end }) => end >= interval.start);
    const allowed = interval.crossesCall ? CALLEE_SAVED : [...CALLER_SAVED, ...CALLEE_SAVED];
    const taken = active.map(registerOf);
    const wished = ARGUMENTS[list.parameters.indexOf(interval.virtual)];
    const free = allowed.filter((each) => !taken.includes(each));
    const chosen = free.find((each) => each === wished) ?? free[0];
    if (chosen !== undefined) {
      homes[interval.virtual] = { register: chosen };
      active.push(interval);
      continue;
    }
    // Whoever is needed longest goes to the stack.
    const last = active
      .filter((each) => allowed.some((register) => register === registerOf(each)))
      .reduce((a, b) => (b.end > a.end ? b : a), interval);
    if (last !== interval) {
      homes[interval.virtual] = homes[last.virtual]!;
      active = [...active.filter((each) => each !== last), interval];
    }
    homes[last.virtual] = { slot: slots++ };
  }
  return { homes, slots };
}

function intervalsOf({ steps, parameters, count }: StepList): Interval[] {
  const intervals: Interval[] = Array.from({ length: count }, (_, virtual) => ({
    virtual,
    start: Number.POSITIVE_INFINITY,
    end: -1,
    crossesCall: false,
  }));
  const cover = (virtual: number, point: number): void => {
    const interval = intervals[virtual]!;
    interval.start = Math.min(interval.start, point);
    interval.end = Math.max(interval.end, point);
  };
  for (const parameter of parameters) cover(parameter, -1);
  const live = livenessOf(steps);
  for (const [at, step] of steps.entries()) {
    const { before, after } = live[at]!;
    for (const virtual of before) cover(virtual, 2 * at);
    for (const virtual of after) cover(virtual, 2 * at + 1);
    const result = resultOf(step);
    if (result !== undefined) cover(result, 2 * at + 1);
    if (step.op !== 'call') continue;
    for (const virtual of after) {
      if (virtual !== result) intervals[virtual]!.crossesCall = true;
    }
  }
  return intervals.filter(({ end }) => end >= -1 && end !== -1).sort((a, b) => a.start - b.start);
}

interface Live {
  readonly before: ReadonlySet<number>;
  readonly after: ReadonlySet<number>;
}

/** Backwards until nothing changes: loops need a second look. */
function livenessOf(steps: readonly Step[]): Live[] {
  const labels = new Map<string, number>();
  for (const [at, step] of steps.entries()) if (step.op === 'label') labels.set(step.label, at);
  const live: Live[] = steps.map(() => ({ before: new Set(), after: new Set() }));
  for (let changed = true; changed; ) {
    changed = false;
    for (let at = steps.length - 1; at >= 0; at--) {
      const step = steps[at]!;
      const after = new Set<number>();
      for (const next of successorsOf(step, at, labels)) {
        for (const virtual of live[next]?.before ?? []) after.add(virtual);
      }
      const before = new Set(after);
      const result = resultOf(step);
      if (result !== undefined) before.delete(result);
      for (const input of inputsOf(step)) before.add(input);
      changed ||= before.size !== live[at]!.before.size || after.size !== live[at]!.after.size;
      live[at] = { before, after };
    }
  }
  return live;
}

function successorsOf(step: Step, at: number, labels: ReadonlyMap<string, number>): number[] {
  if (step.op === 'return') return [];
  if (step.op === 'jump') return [labels.get(step.label)!];
  return step.op === 'branch' ? [at + 1, labels.get(step.label)!] : [at + 1];
}

function resultOf(step: Step): number | undefined {
  return 'to' in step ? step.to : undefined;
}

function inputsOf(step: Step): number[] {
  return operandsOf(step).filter((operand) => typeof operand === 'number');
}

function operandsOf(step: Step): readonly Operand[] {
  switch (step.op) {
    case 'arithmetic':
    case 'compare':
    case 'branch':
      return [step.left, step.right];
    case 'copy':
    case 'root':
    case 'return':
      return [step.from];
    case 'load':
      return [step.base, step.index];
    case 'store':
      return [step.from, step.base, step.index];
    case 'call':
      return step.pointer === undefined ? step.args : [...step.args, step.pointer];
    default:
      return [];
  }
}
