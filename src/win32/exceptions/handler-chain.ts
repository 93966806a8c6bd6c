/**
 * The list of 32-bit handlers, and SEHOP: whether it is whole. Each EXCEPTION_REGISTRATION_RECORD lies on the stack,
 * above the one before it; with SEHOP the last is a record that the system put there, with a handler of ntdll's.
 * Microsoft Security Research and Defense, "Preventing the Exploitation of SEH Overwrites with SEHOP" (2009).
 */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import {
  MEM_EXECUTE_OPTION_DISABLE_EXCEPTION_CHAIN_VALIDATION,
  type Mitigations,
} from '../dep/mitigations.js';
import type { Win32Process } from '../process/process.js';

export const END_OF_CHAIN = 0xffff_ffffn;
/** ntdll's handler at the end of every list, under SEHOP: a gate that nobody goes through. */
export const FINAL_HANDLER_GATE = 'FinalExceptionHandler';
const MAX_FRAMES = 10_000;
const RECORD_BYTES = 8;

export interface Registration {
  readonly address: Addr;
  readonly next: Addr;
  readonly handler: Addr;
}

/** Undefined where the chain ends or is broken. */
export function registrationAt(process: Win32Process, address: Addr): Registration | undefined {
  const { stack, memory } = process;
  if (address === END_OF_CHAIN || address % 4n !== 0n) return undefined;
  if (address < stack.bottom || address + 8n > stack.base) return undefined;
  const bytes = memory.tryRead(address, RECORD_BYTES);
  if (bytes === undefined) return undefined;
  const words = new Struct(bytes);
  return { address, next: BigInt(words.u32(0)), handler: BigInt(words.u32(4)) };
}

function isInForce({ sehop, executeFlags }: Mitigations): boolean {
  return sehop && !(executeFlags & MEM_EXECUTE_OPTION_DISABLE_EXCEPTION_CHAIN_VALIDATION);
}

function finalHandler({ modules }: Win32Process): Addr {
  const ntdll = modules.find('ntdll.dll');
  return (ntdll?.base ?? 0n) + BigInt(ntdll?.exports.byName.get(FINAL_HANDLER_GATE)?.rva ?? 0);
}

export function isFinal(process: Win32Process, handler: Addr): boolean {
  return process.space.mitigations.sehop && handler === finalHandler(process);
}

/** Puts the last record on the current thread's stack, where the process has SEHOP. */
export function beginHandlerChain(process: Win32Process): void {
  const { wide, space, stack, teb } = process;
  if (wide || !space.mitigations.sehop) return;
  const record = stack.base - 16n;
  const words = new Struct(RECORD_BYTES)
    .setU32(0, Number(END_OF_CHAIN))
    .setU32(4, Number(finalHandler(process)));
  space.vm.pages.poke(record, words.bytes);
  space.vm.pages.poke(teb, new Struct(4).setU32(0, Number(record)).bytes);
}

/** True where nobody asks. */
export function isWholeChain(process: Win32Process, first: Addr): boolean {
  if (!isInForce(process.space.mitigations)) return true;
  let frame = registrationAt(process, first);
  for (let count = 0; frame !== undefined && count < MAX_FRAMES; count++) {
    process.system.meter.charge('object');
    const { handler, next, address } = frame;
    const isOnStack = handler >= process.stack.bottom && handler < process.stack.base;
    if (isOnStack) break;
    if (next === END_OF_CHAIN && isFinal(process, handler)) return true;
    if (next <= address) break;
    frame = registrationAt(process, next);
  }
  process.system.note(
    'SEHOP: the list of exception handlers does not lead to its end in ntdll: none is asked',
  );
  return false;
}
