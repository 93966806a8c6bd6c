/** A call of guest code by the host, in the C convention of the platform. */
import type { Addr, AddrRange, Arch } from '../../../base/address.js';
import type { Fault, Outcome } from '../../../base/outcome.js';
import { Struct } from '../../../base/struct.js';
import type { Task } from '../process/task.js';

/**
 * Addresses above all user space, where nothing can ever be mapped: a jump there can mean a function
 * of the host. On x86-64 the last canonical page below the hole, on i386 the last two pages.
 */
export const HOST_ADDRESSES: Readonly<Record<Arch, AddrRange>> = {
  'x86-64': { start: 0x7fff_ffff_f000n, end: 0x8000_0000_0000n },
  i386: { start: 0xffff_e000n, end: 0x1_0000_0000n },
};
const RETURN_64 = 0x7fff_ffff_ff00n;
const RETURN_32 = 0xffff_fff0n;

const ARGUMENTS_64 = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'] as const;
const RED_ZONE = 128n;
const DIRECTION_FLAG = 0x400n;

export class HostCallFrame {
  readonly returnAddress: Addr;
  readonly #task: Task;
  /** The stack pointer before the call. */
  readonly #sp: Addr;

  private constructor(task: Task, returnAddress: Addr, sp: Addr) {
    this.#task = task;
    this.returnAddress = returnAddress;
    this.#sp = sp;
  }

  /** Sets the registers and the stack up. A fault: there is no room for the arguments. */
  static push(task: Task, address: Addr, args: readonly bigint[]): HostCallFrame | Fault {
    const { kernel } = task;
    const wide = task.arch === 'x86-64';
    const sp = kernel.stackPointer;
    const onStack = wide ? args.slice(ARGUMENTS_64.length) : args;
    const word = task.abi.word;
    const space = BigInt(onStack.length * word);
    // At the call the arguments lie on a 16-byte boundary; the return address goes below them.
    const base = (sp - (wide ? RED_ZONE : 0n) - space) & ~15n;
    const returnAddress = wide ? RETURN_64 : RETURN_32;
    const block = new Struct((onStack.length + 1) * word).setWord(0, word, returnAddress);
    for (const [index, value] of onStack.entries()) block.setWord((index + 1) * word, word, value);
    const top = base - BigInt(word);
    const fault = task.mm.store(top, block.bytes);
    if (fault !== null) return fault;

    const { engine } = kernel;
    if (wide) {
      for (const [index, name] of ARGUMENTS_64.entries()) {
        if (index < args.length) engine.writeRegister(name, BigInt.asUintN(64, args[index]!));
      }
      // The number of vector registers of a variadic call.
      engine.writeRegister('rax', 0n);
    }
    engine.writeRegister('eflags', engine.readRegister('eflags') & ~DIRECTION_FLAG);
    kernel.stackPointer = top;
    kernel.programCounter = BigInt.asUintN(word * 8, address);
    return new HostCallFrame(task, returnAddress, sp);
  }

  /** The call has returned: its value, and the stack pointer back where it was. */
  pop(): Outcome {
    const { kernel, arch } = this.#task;
    const value = kernel.engine.readRegister(arch === 'x86-64' ? 'rax' : 'eax');
    kernel.stackPointer = this.#sp;
    return { kind: 'return', value };
  }
}

/** The outcome of a call whose arguments do not fit the stack. */
export function noRoom(fault: Fault): Outcome {
  const { address, access, code, pc } = fault;
  const signal = code === 'BUS_ADRERR' ? 'SIGBUS' : 'SIGSEGV';
  return { kind: 'signal', signal, code, address, access, pc };
}
