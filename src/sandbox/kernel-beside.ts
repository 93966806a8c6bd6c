/**
 * The kernel in ring 0 beside a Linux process, as that process meets it: memory that policies read at each check, and the
 * device /dev/kernel, whose writes call the kernel's function `device_write`.
 */
import { errnoNumber } from '../abi/linux/errno.js';
import type { Errno } from '../base/errno.js';
import { MayexecError } from '../base/errors.js';
import type { Outcome } from '../base/outcome.js';
import { Struct } from '../base/struct.js';
import type { KernelAnswer, KernelDevice } from '../kernel/kernel-device.js';
import { type Saved, saved } from '../kernel/snapshot.js';
import type { KernelGuest } from '../os/kernel/guest.js';
import { HOOK_TABLE } from '../policy/lsm/hook-list.js';
import type { KernelMemory } from '../policy/lsm/kernel-memory.js';

/** Bytes at `device_buffer`: more of a write are left for the next one. */
export const DEVICE_BYTES = 4096;
const ENTRY = 'device_write';
const BUFFER = 'device_buffer';
const CALL_FRAME = 128n;

export class KernelBeside implements KernelMemory, KernelDevice {
  readonly #guest: KernelGuest;
  /** What ended the machine: nobody answers at the device then. Undefined while it waits at its `hlt`. */
  #over: Outcome | undefined;

  /** Runs the kernel to its `hlt`. @throws MayexecError for a kernel without a table of hooks. */
  constructor(guest: KernelGuest) {
    this.#guest = guest;
    if (!guest.symbols.has(HOOK_TABLE)) {
      throw new MayexecError(
        `the kernel beside the program has no symbol '${HOOK_TABLE}': it has no hooks to ask (asm/lib/security.inc has them)`,
      );
    }
    const end = guest.run();
    if (end.kind !== 'halt') this.#over = end;
  }

  /** Undefined: it runs to `hlt` at each call, as it should. */
  get over(): Outcome | undefined {
    return this.#over;
  }

  symbol(name: string): bigint | undefined {
    return this.#guest.symbols.get(name);
  }

  word(address: bigint): bigint | undefined {
    return this.#guest.wordAt(address);
  }

  write(bytes: Uint8Array): KernelAnswer {
    const before = this.#guest.spent;
    const answer = this.#call(bytes.subarray(0, DEVICE_BYTES));
    const value = typeof answer === 'string' ? -errnoNumber(answer) : answer;
    return { value, blocks: this.#guest.spent - before };
  }

  save(): Saved {
    const over = this.#over;
    return saved(() => {
      this.#over = over;
    });
  }

  #call(bytes: Uint8Array): number | Errno {
    if (this.#over !== undefined) return 'EIO';
    const [entry, buffer] = [this.symbol(ENTRY), this.symbol(BUFFER)];
    if (entry === undefined || buffer === undefined) return 'EINVAL';
    const { memory, registers, hostAddresses } = this.#guest;
    const stack = registers.readRegister('rsp');
    const rip = registers.readRegister('rip');
    const top = ((stack - CALL_FRAME) & ~0xfn) - 8n;
    const frame = new Struct(8).setWord(0, 8, hostAddresses.start).bytes;
    if (memory.store(buffer, bytes) !== null || memory.store(top, frame) !== null) return 'EFAULT';
    const given = { rsp: top, rdi: buffer, rsi: BigInt(bytes.length) };
    for (const [name, value] of Object.entries(given)) registers.writeRegister(name, value);
    const end = this.#guest.enter(entry);
    if (end.kind !== 'host') {
      this.#over = end;
      return 'EIO';
    }
    registers.writeRegister('rsp', stack);
    registers.writeRegister('rip', rip);
    const value = Number(BigInt.asIntN(64, registers.readRegister('rax')));
    return value >= -4095 && value < 0 ? value : Math.max(value, 0);
  }
}
