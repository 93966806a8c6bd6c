/**
 * callback: functions of the host that call the guest (handlers, initialisers, callbacks) run the processor until the
 * callback has returned to a gate of ntdll's, one level deeper than whoever called them.
 */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { Win32Process } from '../process/process.js';
import { needStack } from '../process/stack.js';
import { CallbackReturned, ProcessEnded, Resumed } from './control.js';
import type { HostTask } from './task.js';

/** Host functions that wait for the guest at one time: a callback within a callback, and so on. */
const MAX_DEPTH = 200;

/** Where a callback of the guest returns to: a gate of ntdll's. */
export const CALLBACK_GATE = 'KiUserCallbackReturn';

/**
 * Calls guest code by the platform's convention for callbacks (win64, stdcall or cdecl) and gives its result. Below the
 * stack pointer is nothing that anybody needs: functions of the host leave nothing on the stack.
 */
export function* callback(
  process: Win32Process,
  address: Addr,
  args: readonly bigint[],
  below: Addr = process.sp,
): HostTask<bigint> {
  if (process.callbacks.length >= MAX_DEPTH) stackOverflow(process);
  const { pc, sp } = process;
  const preserved = savedRegisters(process);
  const caller = new Map(callerRegisters(process));
  const entry = pushFrame(process, args, below);
  if (entry === undefined) stackOverflow(process);
  const frame = { stackPointer: entry + BigInt(process.word), caller };
  process.callbacks.push(frame);
  process.sp = entry;
  process.pc = address;
  try {
    yield* untilReturn(process, frame.stackPointer);
  } finally {
    const at = process.callbacks.indexOf(frame);
    if (at >= 0) process.callbacks.length = at;
  }
  const result = process.result;
  for (const [name, value] of preserved) process.engine.writeRegister(name, value);
  process.sp = sp;
  process.pc = pc;
  return result;
}

/** A callback may leave these as it likes; the function of the host that called it needs none changed. */
const VOLATILE_64 = ['rcx', 'rdx', 'r8', 'r9', 'r10', 'r11', 'eflags'];
const VOLATILE_32 = ['ecx', 'edx', 'eflags'];

const WALKED_64 = ['rip', 'rsp', 'rbp', 'rbx', 'rsi', 'rdi', 'r12', 'r13', 'r14', 'r15'];

function callerRegisters({ engine, wide }: Win32Process): [string, bigint][] {
  return wide ? WALKED_64.map((name) => [name, engine.readRegister(name)]) : [];
}

function savedRegisters({ engine, wide }: Win32Process): [string, bigint][] {
  return (wide ? VOLATILE_64 : VOLATILE_32).map((name) => [name, engine.readRegister(name)]);
}

function pushFrame(process: Win32Process, args: readonly bigint[], below: Addr): Addr | undefined {
  const { wide, word, engine, memory } = process;
  const returnTo = callbackGate(process);
  const slots = wide ? Math.max(args.length, 4) : args.length;
  const aligned = (below - BigInt(slots * word)) & ~0xfn;
  const entry = aligned - BigInt(word);
  const frame = new Struct((slots + 1) * word);
  frame.setWord(0, word, returnTo);
  for (const [index, value] of args.entries()) frame.setWord((index + 1) * word, word, value);
  if (wide) {
    for (const [index, name] of ['rcx', 'rdx', 'r8', 'r9'].entries()) {
      if (index < args.length) engine.writeRegister(name, args[index]!);
    }
  }
  needStack(process, entry);
  return memory.tryWrite(entry, frame.bytes) ? entry : undefined;
}

/** Where callbacks return to. */
export function callbackGate({ modules }: Win32Process): Addr {
  const ntdll = modules.find('ntdll.dll');
  return (ntdll?.base ?? 0n) + BigInt(ntdll?.exports.byName.get(CALLBACK_GATE)?.rva ?? 0);
}

function* untilReturn(process: Win32Process, stackPointer: Addr): HostTask<void> {
  for (;;) {
    try {
      yield* process.ports.step(process);
    } catch (error) {
      if (error instanceof CallbackReturned && isOwn(process, error.stackPointer, stackPointer)) {
        return;
      }
      if (!(error instanceof Resumed) || error.stackPointer >= stackPointer) throw error;
    }
  }
}

/** stdcall callbacks take their arguments off the stack. */
function isOwn(process: Win32Process, found: Addr, expected: Addr): boolean {
  if (process.wide) return found === expected;
  const outer = process.callbacks.at(-2)?.stackPointer;
  return found >= expected && (outer === undefined || found < outer);
}

function stackOverflow(process: Win32Process): never {
  throw new ProcessEnded({
    kind: 'exception',
    status: STATUS.STACK_OVERFLOW,
    parameters: [1n, process.sp],
    pc: process.pc,
  });
}
