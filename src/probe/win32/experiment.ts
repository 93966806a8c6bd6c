/**
 * What an experiment of the probe for Windows and Wine is: calls of the Win32 API, and code that is written and run.
 * The steps become machine code (program.ts); their labels are how results name them.
 */
import {
  MEM_COMMIT,
  MEM_RESERVE,
  PAGE_EXECUTE_READ,
  PAGE_EXECUTE_READWRITE,
  PAGE_READWRITE,
} from '../../abi/windows/memory.js';
import type { Arch } from '../../base/address.js';

export const PAGE = 4096;

/** Words of the probe. The first five are filled at its start: parts of the stack, of .data, of .text. */
const SLOTS = ['stack', 'data', 'text', 'kernel32', 'output', 'p', 'q', 'handle', 'out'] as const;
export type Win32Slot = (typeof SLOTS)[number];
export const WIN32_SLOTS: readonly Win32Slot[] = SLOTS;

/** A number, what a slot holds, the address of a slot, or that of a text. */
export type Win32Operand =
  | number
  | Win32Slot
  | { readonly addressOf: Win32Slot }
  | { readonly text: string };

export type Win32Step =
  | {
      readonly op: 'call';
      readonly label: string;
      /** Of kernel32, looked up by name at the start: old systems lack some. */
      readonly name: string;
      readonly operands: readonly Win32Operand[];
      readonly into?: Win32Slot;
      /** What a failure gives: 0, or -1 (INVALID_HANDLE_VALUE); by default 0. */
      readonly failure?: 'zero' | 'minus one' | 'none';
      /** A failure says that the machine lacks the means, not what its policy is. */
      readonly means?: true;
    }
  | { readonly op: 'set'; readonly label: 'set'; readonly slot: Win32Slot; readonly value: number }
  | { readonly op: 'write' | 'thunk' | 'run'; readonly label: string; readonly at: Win32Slot }
  | { readonly op: 'value'; readonly label: 'value'; readonly at: Win32Slot };

export interface Win32Experiment {
  /** Stable: results name it. No experiment of Linux has it. */
  readonly name: string;
  readonly about: string;
  readonly arch?: Arch;
  readonly steps: readonly Win32Step[];
}

type Call = Extract<Win32Step, { op: 'call' }>;

export function call(name: string, ...operands: readonly Win32Operand[]): Call {
  return { op: 'call', label: name, name, operands };
}

export function into(slot: Win32Slot, step: Call): Call {
  return { ...step, into: slot };
}

/** What it says is looked at elsewhere. */
export function unchecked(step: Call): Call {
  return { ...step, failure: 'none' };
}

export function means(step: Call): Call {
  return { ...step, means: true };
}

export function set(slot: Win32Slot, value: number): Win32Step {
  return { op: 'set', label: 'set', slot, value };
}

/** Stores a function that returns a number. */
export const write = (at: Win32Slot = 'p'): Win32Step => ({ op: 'write', label: 'write', at });

/** Stores what the ATL library stores: an argument is put on the stack, and a jump follows. */
export const writeThunk = (at: Win32Slot = 'p'): Win32Step => ({ op: 'thunk', label: 'write', at });

/** Calls it, and wants that number. */
export const run = (at: Win32Slot = 'p'): Win32Step => ({ op: 'run', label: 'run', at });

/** The experiment's result is this number. */
export const value = (at: Win32Slot): Win32Step => ({ op: 'value', label: 'value', at });

export const PROTECTIONS = {
  RW: PAGE_READWRITE,
  RX: PAGE_EXECUTE_READ,
  RWX: PAGE_EXECUTE_READWRITE,
} as const;
type Protection = keyof typeof PROTECTIONS;

export function allocate(
  protection: Protection,
  at: Win32Operand = 0,
  type = MEM_RESERVE | MEM_COMMIT,
): Call {
  const step = call('VirtualAlloc', at, PAGE, type, PROTECTIONS[protection]);
  return { ...into('p', step), label: `VirtualAlloc:${protection}` };
}

export function protect(protection: Protection, at: Win32Slot = 'p', length = PAGE): Call {
  const step = call('VirtualProtect', at, length, PROTECTIONS[protection], { addressOf: 'out' });
  return { ...step, label: `VirtualProtect:${protection}` };
}
