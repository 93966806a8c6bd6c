/**
 * What a calling convention demands of the code, checked where the host sees it: when the code returns,
 * and when it calls a callback. Each breach is a value with a sentence.
 */
import type { Addr } from '../../base/address.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import type { Convention } from './convention.js';
import { type ArgumentFrame, CALLER_FRAME, integerOf } from './frame.js';
import { STACK_PATTERN } from './garbage.js';
import type { CallPlan } from './locations.js';
import { DIRECTION_FLAG, MXCSR_CONTROL, type RegisterValues, X87_EMPTY } from './machine-state.js';
import { roundUp } from './value-type.js';

export const DUTIES = [
  'callee-saved',
  'stack-pointer',
  'return-address',
  'result-pointer',
  'caller-frame',
  'stack-alignment',
  'red-zone',
  'shadow-space',
  'direction-flag',
  'x87',
  'mxcsr',
] as const;
export type Duty = (typeof DUTIES)[number];

export interface Breach {
  readonly duty: Duty;
  /** One sentence: what it is and what it should be. */
  readonly message: string;
  /** The register that is wrong. */
  readonly register?: string;
  /** The instruction, when it is known. */
  readonly pc?: Addr;
}

export interface ReturnFacts {
  readonly sandbox: Sandbox;
  readonly plan: CallPlan;
  readonly frame: ArgumentFrame;
  readonly before: RegisterValues;
  readonly after: RegisterValues;
}

/** Judges a return to the right address. */
export function breachesAtReturn(facts: ReturnFacts): Breach[] {
  const { convention } = facts.plan;
  return [
    ...savedRegisters(facts),
    ...stackAtReturn(facts),
    ...resultPointer(facts),
    ...modes(facts, 'returns', convention.arch === 'i386' && usesX87(facts.plan) ? 1 : 0),
  ];
}

function savedRegisters({ plan, before, after }: ReturnFacts): Breach[] {
  const { calleeSaved, name: abi } = plan.convention;
  return calleeSaved
    .filter((name) => before[name] !== after[name])
    .map((name) => ({
      duty: 'callee-saved',
      register: name,
      message: `${name} is not preserved: it was ${hex(before[name])} and is ${hex(after[name])} (${abi} makes it callee-saved)`,
    }));
}

function stackAtReturn({ sandbox, plan, frame, after }: ReturnFacts): Breach[] {
  const { convention, popped, stackBytes } = plan;
  const { word } = convention;
  const found: Breach[] = [];
  const name = word === 8 ? 'rsp' : 'esp';
  const expected = frame.returnSlot + BigInt(word + popped);
  const off = (after[name] ?? 0n) - expected;
  if (off !== 0n) {
    const wanted = popped > 0 ? ` (its ret should remove ${popped} bytes of arguments)` : '';
    found.push({
      duty: 'stack-pointer',
      register: name,
      message: `returns with ${name} ${off > 0n ? `${off} bytes too high` : `${-off} bytes too low`}${wanted}`,
    });
  }
  const above = frame.returnSlot + BigInt(word + roundUp(stackBytes, 16));
  const [pushed, own] = [sandbox.load(frame.returnSlot, word), sandbox.load(above, CALLER_FRAME)];
  if (!(pushed instanceof Uint8Array && own instanceof Uint8Array)) {
    return [...found, { duty: 'caller-frame', message: 'the stack of the caller is gone' }];
  }
  const slot = integerOf(pushed);
  if (slot !== frame.returnAddress) {
    found.push({
      duty: 'return-address',
      message: `the return address on the stack was overwritten with ${hex(slot)}`,
    });
  }
  const changed = own.findIndex((byte: number) => byte !== STACK_PATTERN);
  if (changed >= 0) {
    const at = Number(above - frame.returnSlot) + changed;
    found.push({
      duty: 'caller-frame',
      message: `the caller's stack frame was overwritten, ${at} bytes above the return address`,
    });
  }
  return found;
}

/** A function that stores its result returns where it did. */
function resultPointer({ plan, frame, after }: ReturnFacts): Breach[] {
  if (!plan.result.indirect) return [];
  const register = plan.convention.word === 8 ? 'rax' : 'eax';
  if (after[register] === frame.resultAddress) return [];
  const message = `returns ${hex(after[register])} in ${register} instead of the address of its result, ${hex(frame.resultAddress)}`;
  return [{ duty: 'result-pointer', register, message }];
}

function usesX87({ result }: CallPlan): boolean {
  return result.pieces.some(({ where }) => where === 'x87');
}

interface ModeFacts {
  readonly before: RegisterValues;
  readonly after: RegisterValues;
}

/** Direction flag, x87 and MXCSR; `values` is how many the x87 stack may hold. */
function modes({ before, after }: ModeFacts, when: string, values: number): Breach[] {
  const found: Breach[] = [];
  if ((after.eflags ?? 0n) & DIRECTION_FLAG) {
    found.push({ duty: 'direction-flag', message: `${when} with the direction flag set` });
  }
  const held = x87Values(after.fptag ?? X87_EMPTY);
  if (held !== values) {
    const wanted = values === 0 ? 'it must be empty' : 'it must hold the result only';
    const has = `${held} value${held === 1 ? '' : 's'}`;
    found.push({ duty: 'x87', message: `${when} with ${has} on the x87 stack: ${wanted}` });
  }
  if (before.fpcw !== after.fpcw) {
    found.push({
      duty: 'x87',
      message: `${when} with the x87 control word ${hex(after.fpcw)}; it was ${hex(before.fpcw)}`,
    });
  }
  const control = (values: RegisterValues): bigint => (values.mxcsr ?? 0n) & MXCSR_CONTROL;
  if (control(before) !== control(after)) {
    found.push({
      duty: 'mxcsr',
      message: `${when} with other control bits in MXCSR: ${hex(control(after))}; they were ${hex(control(before))}`,
    });
  }
  return found;
}

function x87Values(tags: bigint): number {
  let held = 0;
  for (let index = 0n; index < 8n; index++) if (((tags >> (2n * index)) & 3n) !== 3n) held++;
  return held;
}

export interface CallState {
  readonly convention: Convention;
  /** What is called: a callback's name. */
  readonly callee: string;
  /** Of the return address that the code pushed. */
  readonly slot: Addr;
  /** Where the code's own return address lies: its frame ends below. */
  readonly frameEnd: Addr;
  readonly returnsTo: Addr;
  readonly before: RegisterValues;
  readonly after: RegisterValues;
}

/** Judges a call that the code makes, at the callee's first instruction. */
export function breachesAtCall(facts: CallState): Breach[] {
  const { convention, callee, slot, frameEnd, returnsTo: pc } = facts;
  const { shadow, word, name } = convention;
  const found: Breach[] = modes(facts, `calls ${callee}`, 0);
  const misaligned = misalignment(convention, slot + BigInt(word));
  if (misaligned > 0) {
    found.push({
      duty: 'stack-alignment',
      message: misalignedText(convention, callee, misaligned),
    });
  }
  const room = frameEnd - (slot + BigInt(word));
  if (shadow > 0 && room < shadow) {
    found.push({
      duty: 'shadow-space',
      message: `calls ${callee} with ${room} bytes above its return address; ${name} gives the callee ${shadow} bytes of shadow space there`,
    });
  }
  return found.map((breach) => ({ ...breach, pc }));
}

/** Bytes off the alignment that the convention wants before the return address is pushed. */
export function misalignment({ stackAlign }: Convention, sp: Addr): number {
  return Number(sp % BigInt(stackAlign));
}

export function misalignedText(
  { name, stackAlign }: Convention,
  callee: string,
  off: number,
): string {
  return `calls ${callee} with the stack ${off} bytes off: ${name} wants it aligned to ${stackAlign} at a call`;
}

function hex(value: bigint | undefined): string {
  return `0x${(value ?? 0n).toString(16)}`;
}
