/**
 * What a convention says of the stack between entry and return: alignment at each call, and the bytes
 * below the stack pointer, which a signal handler or a callee may overwrite at any moment.
 */
import type { Addr } from '../../base/address.js';
import type { Instruction } from '../../toolchain/disassembly/disassembler.js';
import type { Decoded, MemoryAccess } from '../../x86/memory-access.js';
import type { Code } from '../bed/code.js';
import type { Convention } from './convention.js';
import { type Breach, misalignedText, misalignment } from './duties.js';

/** Farther below the stack pointer an access has nothing to do with the stack. */
const NEAR = 0x10_0000n;
const SLOT = 8n;

type DecodedInstruction = Instruction & Decoded;

export class StackWatch {
  readonly breaches: Breach[] = [];
  readonly #convention: Convention;
  readonly #symbols: ReadonlyMap<Addr, string>;
  /** Slots below the stack pointer that were stored to: where that was, and what overwrote them since. */
  readonly #below = new Map<
    Addr,
    { readonly stored: Addr; lost: DecodedInstruction | undefined }
  >();

  constructor(convention: Convention, { symbols }: Code) {
    this.#convention = convention;
    this.#symbols = new Map([...symbols].map(([name, address]) => [address, name]));
  }

  /** Before `instruction` runs. */
  step(instruction: DecodedInstruction, accesses: readonly MemoryAccess[], sp: Addr): void {
    for (const access of accesses) {
      if (access.stack) this.#implied(instruction, access);
      else this.#explicit(instruction, access, sp);
    }
    if (instruction.isCall) this.#call(instruction, sp);
  }

  #call(instruction: DecodedInstruction, sp: Addr): void {
    const off = misalignment(this.#convention, sp);
    const { address: pc, operands } = instruction;
    if (off > 0) {
      const target = /^0x/.test(operands) ? this.#symbols.get(BigInt(operands)) : undefined;
      const message = misalignedText(this.#convention, target ?? operands, off);
      this.#report({ duty: 'stack-alignment', message, pc });
    }
    // A callee's frame may cover everything below.
    for (const [address, slot] of this.#below) if (address < sp) slot.lost ??= instruction;
  }

  #implied(instruction: DecodedInstruction, { address, write }: MemoryAccess): void {
    const slot = write ? this.#below.get(address - (address % SLOT)) : undefined;
    if (slot !== undefined) slot.lost ??= instruction;
  }

  #explicit(instruction: DecodedInstruction, access: MemoryAccess, sp: Addr): void {
    const { address, read, write } = access;
    const key = address - (address % SLOT);
    const slot = read ? this.#below.get(key) : undefined;
    if (write) this.#below.delete(key);
    if (address >= sp || address < sp - NEAR) return;
    const { redZone, name } = this.#convention;
    const depth = sp - address;
    const pc = instruction.address;
    if (write && depth > BigInt(redZone)) {
      const zone =
        redZone > 0 ? `the red zone of ${name} has ${redZone}` : `${name} has no red zone`;
      this.#report({
        duty: 'red-zone',
        message: `stores ${depth} bytes below the stack pointer: ${zone}`,
        pc,
      });
    }
    if (write) this.#below.set(key, { stored: pc, lost: undefined });
    if (slot?.lost === undefined) return;
    const { text, address: at } = slot.lost;
    this.#report({
      duty: 'red-zone',
      message: `loads what it stored below the stack pointer at 0x${slot.stored.toString(16)}, but '${text}' at 0x${at.toString(16)} overwrote it`,
      pc: at,
    });
  }

  /** Once for each place: a loop breaks the same rule at each turn. */
  #report(breach: Breach): void {
    const known = this.breaches.some(({ duty, pc }) => duty === breach.duty && pc === breach.pc);
    if (!known) this.breaches.push(breach);
  }
}
