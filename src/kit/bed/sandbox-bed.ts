/** Calls in a sandbox that somebody else set up: it is as it was after each of them. */
import type { Addr } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Sandbox, SandboxSnapshot } from '../../sandbox/sandbox.js';
import { type RegisterValues, readState } from '../abi/machine-state.js';
import { mapBuffers, type PlannedBuffer } from './buffers.js';
import type { Code } from './code.js';
import type { Placement } from './placing.js';
import type { Bed, Prepared } from './test-bed.js';

/** A caller's frame keeps clear of what may lie below the stack pointer. */
const CLEAR = 256n;

export class SandboxBed implements Bed {
  readonly sandbox: Sandbox;
  #before: SandboxSnapshot | undefined;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  get stackPointer(): Addr {
    const { arch, regs } = this.sandbox;
    return ((regs[arch === 'x86-64' ? 'rsp' : 'esp'] ?? 0n) - CLEAR) & ~15n;
  }

  get registers(): RegisterValues {
    return readState(this.sandbox);
  }

  begin(_code: Code, placement: Placement, buffers: readonly PlannedBuffer[]): Prepared {
    if (placement !== 'image') {
      throw new MayexecError('the code is in the sandbox already: it takes no placement');
    }
    this.#before = this.sandbox.snapshot();
    mapBuffers(this.sandbox, buffers);
    return { refused: undefined, events: [] };
  }

  end(): void {
    const before = this.#before;
    if (before === undefined) return;
    this.sandbox.restore(before);
    this.sandbox.discard(before);
    this.#before = undefined;
  }
}

/** What is mapped at an address, as code; by default up to the end of its mapping, zeros at the end left out. */
export function codeInSandbox(sandbox: Sandbox, address: Addr, length?: number): Code {
  const { arch, symbols } = sandbox;
  const map = sandbox.maps().find(({ start, end }) => start <= address && address < end);
  if (map === undefined) {
    throw new MayexecError(`nothing is mapped at 0x${address.toString(16)} in the sandbox`);
  }
  const all = sandbox.peek(address, length ?? Number(map.end - address));
  const used = length ?? all.findLastIndex((byte) => byte !== 0) + 1;
  const bytes = all.slice(0, Math.max(1, used));
  const parts = [{ address, bytes, exec: true }];
  return { kind: 'code', arch, parts, entry: address, symbols, lines: [], source: undefined };
}
