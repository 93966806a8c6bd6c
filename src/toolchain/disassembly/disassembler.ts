/** Disassembly by Capstone (WebAssembly). Its files are loaded once; after that it is synchronous. */

import type { Addr, Arch } from '../../base/address.js';
import { checkBytes, checkRecord } from '../../base/arguments.js';
import { unknownValue } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { loadToolchain, openToolchain, openToolchainInSteps } from '../modules.js';
import { type Corrected, corrected } from './corrections.js';

export interface Instruction {
  readonly address: Addr;
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly operands: string;
  /** Mnemonic and operands. What is no instruction reads `.byte 0x..`, one byte each. */
  readonly text: string;
}

export interface DisassembleOptions {
  readonly arch: Arch;
  /** Of the first byte; default 0. */
  readonly address?: bigint | number;
  readonly syntax?: 'intel' | 'att';
  /** Instructions at most. */
  readonly count?: number;
}

const OPTIONS: OptionNames<DisassembleOptions> = {
  arch: true,
  address: true,
  syntax: true,
  count: true,
};

/** What is used of capstone-js 5.0.9, which has no types. */
interface CapstoneModule {
  readonly ARCH_X86: number;
  readonly MODE_32: number;
  readonly MODE_64: number;
  readonly OPT_SYNTAX: number;
  readonly OPT_SYNTAX_INTEL: number;
  readonly OPT_SYNTAX_ATT: number;
  readonly Capstone: new (arch: number, mode: number) => CapstoneHandle;
}

interface CapstoneHandle {
  option(option: number, value: number): void;
  disasm(code: Uint8Array, address: number | bigint, count?: number): CapstoneInstruction[];
}

interface CapstoneInstruction {
  readonly address: bigint | number;
  readonly size: number;
  readonly mnemonic: string;
  readonly op_str: string;
}

/** Capstone is given a copy: of all that follows at each byte that is no instruction, it would take for ever. */
const WINDOW = 4096;
/** Of one; the window after a byte that is none, which others are likely to follow. */
const LONGEST_INSTRUCTION = 15;

export class Disassembler {
  readonly #capstone: CapstoneModule;
  readonly #handles = new Map<string, CapstoneHandle>();

  constructor(capstone: CapstoneModule) {
    this.#capstone = capstone;
  }

  /** All of `bytes`, in order; bytes that are no instruction come out one by one. */
  disassemble(bytes: Uint8Array, options: DisassembleOptions): Instruction[] {
    const { arch, syntax = 'intel', count = Number.POSITIVE_INFINITY } = options;
    const handle = this.#handle(arch, syntax);
    const start = BigInt(options.address ?? 0);
    const found: Instruction[] = [];
    let at = 0;
    let window = WINDOW;
    while (at < bytes.length && found.length < count) {
      const rest = bytes.subarray(at, at + window);
      const left = Number.isFinite(count) ? count - found.length : 0;
      const decoded = decode(handle, rest, start + BigInt(at), left);
      const take = (size: number, mnemonic: string, operands: string): void => {
        found.push(describe(start + BigInt(at), bytes.slice(at, at + size), mnemonic, operands));
        at += size;
      };
      const right = (): Corrected | undefined => {
        const own = bytes.subarray(at, at + LONGEST_INSTRUCTION);
        return corrected(own, start + BigInt(at), arch, syntax);
      };
      for (const { size, mnemonic, op_str } of decoded) {
        const other = right();
        if (other === undefined) take(size, mnemonic, op_str);
        else take(other.size, other.mnemonic, other.operands);
        // What follows in the window was read from the wrong place.
        if (other !== undefined && other.size !== size) break;
      }
      // What stopped at the end of the window goes on in the next.
      window = decoded.length === 0 ? LONGEST_INSTRUCTION : Math.min(WINDOW, 4 * window);
      if (decoded.length === 0) {
        const other = right();
        if (other !== undefined) {
          take(other.size, other.mnemonic, other.operands);
          continue;
        }
        const byte = bytes[at]!;
        const hex = `0x${byte.toString(16).padStart(2, '0')}`;
        found.push(describe(start + BigInt(at), bytes.slice(at, at + 1), '.byte', hex));
        at++;
      }
    }
    return found;
  }

  #handle(arch: Arch, syntax: 'intel' | 'att'): CapstoneHandle {
    const modes = { 'x86-64': this.#capstone.MODE_64, i386: this.#capstone.MODE_32 };
    if (!Object.hasOwn(modes, arch)) throw unknownValue('arch', arch, Object.keys(modes));
    if (syntax !== 'intel' && syntax !== 'att') {
      throw unknownValue('syntax', syntax, ['intel', 'att']);
    }
    const key = `${arch} ${syntax}`;
    let handle = this.#handles.get(key);
    if (handle === undefined) {
      handle = new this.#capstone.Capstone(this.#capstone.ARCH_X86, modes[arch]);
      const { OPT_SYNTAX, OPT_SYNTAX_ATT, OPT_SYNTAX_INTEL } = this.#capstone;
      handle.option(OPT_SYNTAX, syntax === 'att' ? OPT_SYNTAX_ATT : OPT_SYNTAX_INTEL);
      this.#handles.set(key, handle);
    }
    return handle;
  }
}

let opened: Disassembler | undefined;
let opening: Promise<Disassembler> | undefined;

/** The disassembler, loaded at first use (about 45 ms). */
export async function loadDisassembler(): Promise<Disassembler> {
  opening ??= openToolchainInSteps('capstone').then((module) => of(module));
  opened ??= await opening;
  return opened;
}

/** Only fetches and compiles it: `disassembler` then opens it when it is needed. */
export function prepareDisassembler(): Promise<void> {
  return loadToolchain('capstone');
}

/** The disassembler at once: it has been loaded or prepared. */
export function disassembler(): Disassembler {
  opened ??= of(openToolchain('capstone'));
  return opened;
}

export async function disassemble(
  bytes: Uint8Array,
  options: DisassembleOptions,
): Promise<Instruction[]> {
  checkBytes('what to disassemble', bytes);
  checkRecord('the options of disassemble', options, "an object such as { arch: 'x86-64' }");
  checkOptionNames('disassemble', options, OPTIONS);
  return (await loadDisassembler()).disassemble(bytes, options);
}

function of(module: unknown): Disassembler {
  return new Disassembler(module as CapstoneModule);
}

/** The library throws when not even one instruction could be decoded. */
function decode(
  handle: CapstoneHandle,
  bytes: Uint8Array,
  address: bigint,
  count: number,
): CapstoneInstruction[] {
  try {
    return handle.disasm(bytes, address, count);
  } catch {
    return [];
  }
}

function describe(
  address: Addr,
  bytes: Uint8Array,
  mnemonic: string,
  operands: string,
): Instruction {
  const text = operands === '' ? mnemonic : `${mnemonic} ${operands}`;
  return { address, bytes, mnemonic, operands, text };
}
