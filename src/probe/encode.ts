/**
 * Experiments as the bytes that the interpreter reads: a table of records, and behind it the constants
 * that they point to. Addresses are those of the image that program.ts makes.
 */

import { ERRNO } from '../abi/linux/errno.js';
import { FAULT_CODE, SI_CODE, SIGNAL, siCodeNumber } from '../abi/linux/signal.js';
import type { Arch } from '../base/address.js';
import { InvariantError } from '../base/errors.js';
import { ELF_CLASS, ET_DYN, PT_DYNAMIC, PT_LOAD } from '../formats/elf/structures.js';
import { namedConstants } from '../toolchain/constants.js';
import {
  type Constant,
  type Experiment,
  type Slot,
  type Step,
  type StepOperand,
  slotNumber,
} from './experiment.js';
import { helperHeaders } from './helper.js';
import {
  ANSWER,
  CODE_KEY,
  HAS_FILES,
  MAY_FAIL,
  OP,
  RECORD,
  recordLength,
  SIGNAL_KEY,
} from './interpreter.js';

export interface EncodedProgram {
  /** The data segment from `address` on. */
  readonly bytes: Uint8Array;
  /** What the interpreter's source calls places of it. */
  readonly constants: Readonly<Record<string, number>>;
}

export interface Image {
  readonly arch: Arch;
  /** Of the data segment, whose first page experiments use. */
  readonly address: number;
  /** A page of the program's text that returns the answer. */
  readonly textPage: number;
  readonly helper: Uint8Array;
  /** The first words of the output. */
  readonly header: string;
}

const PAGE = 4096;
const DIGITS = '00000000';
const PATHS = { 'path-tmp': '/tmp/.mayexec-', 'path-shm': '/dev/shm/.mayexec-' } as const;

/** i386 programs call it by another name. */
const I386_CALLS: Readonly<Record<string, string>> = { mmap: 'mmap2' };

/** Constants, each kind of content once. */
class Pool {
  readonly base: number;
  readonly bytes: number[] = [];
  readonly #known = new Map<string, number>();

  constructor(base: number) {
    this.base = base;
  }

  add(content: Uint8Array | readonly number[]): number {
    const key = content.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    while (this.bytes.length % 8 !== 0) this.bytes.push(0);
    const address = this.base + this.bytes.length;
    for (const byte of content) this.bytes.push(byte);
    this.#known.set(key, address);
    return address;
  }

  /** With the zero that ends it. */
  text(text: string): number {
    return this.add([...new TextEncoder().encode(text), 0]);
  }
}

export function encodeExperiments(
  image: Image,
  experiments: readonly Experiment[],
): EncodedProgram {
  const { arch, address } = image;
  const records = experiments.reduce((sum, { steps }) => sum + steps.length + 1, 1);
  const tableAt = address + PAGE;
  const pool = new Pool(tableAt + align(records * recordLength(arch)));
  const table = new Uint8Array(records * recordLength(arch));
  const encoder = new Encoder(image, pool, table);
  for (const experiment of experiments) {
    encoder.begin(experiment);
    for (const step of experiment.steps) encoder.step(step);
  }
  const names = pool.add(nameList(pool));
  const tmp = pool.text(PATHS['path-tmp'] + DIGITS);
  const shm = pool.text(PATHS['path-shm'] + DIGITS);
  const constants = {
    DATA_PAGE: address,
    TEXT_PAGE: image.textPage,
    TABLE: tableAt,
    NAMES: names,
    HEADER: pool.text(`${image.header} `),
    TEXT_END: pool.text('end '),
    TEXT_OK: pool.text('ok'),
    TEXT_NO: pool.text('no'),
    TEXT_FORK: pool.text('fork'),
    HEX_DIGITS: pool.text('0123456789abcdef'),
    ZEROS: pool.add(new Uint8Array(16)),
    PATH_TMP: tmp,
    PATH_SHM: shm,
    PATH_TMP_DIGITS: tmp + PATHS['path-tmp'].length,
    PATH_SHM_DIGITS: shm + PATHS['path-shm'].length,
  };
  const bytes = new Uint8Array(pool.base - address + pool.bytes.length);
  bytes.set(table, PAGE);
  bytes.set(pool.bytes, pool.base - address);
  return { bytes, constants };
}

/** Keys and names, in pairs; a 0 ends them. */
function nameList(pool: Pool): number[] {
  const codes = [
    ...Object.entries(FAULT_CODE),
    ...(['SIGSEGV', 'SIGBUS'] as const).map((name) => [name, SI_CODE] as const),
  ];
  const pairs: (readonly [number, string])[] = [
    ...Object.entries(ERRNO).map(([name, [number]]) => [number, name] as const),
    ...Object.entries(SIGNAL).map(([name, [number]]) => [SIGNAL_KEY + number, name] as const),
    ...codes.flatMap(([signal, table]) =>
      Object.keys(table).map((name) => {
        const number = (SIGNAL[signal as keyof typeof SIGNAL] ?? [0])[0];
        return [CODE_KEY + (number << 8) + (siCodeNumber(signal, name)! & 0xff), name] as const;
      }),
    ),
  ];
  // Of two names for one number the last is Linux's own.
  const byKey = new Map(pairs);
  return [
    ...[...byKey].flatMap(([key, name]) => [...u32(key), ...u32(pool.text(name))]),
    ...u32(0),
  ];
}

class Encoder {
  readonly #image: Image;
  readonly #pool: Pool;
  readonly #view: DataView;
  readonly #length: number;
  #at = 0;

  constructor(image: Image, pool: Pool, table: Uint8Array) {
    this.#image = image;
    this.#pool = pool;
    this.#view = new DataView(table.buffer);
    this.#length = recordLength(image.arch);
  }

  begin({ name, steps }: Experiment): void {
    this.#record(OP.BEGIN, name);
    const files = steps.some(({ operands }) => operands.some(isPath));
    this.#view.setUint8(this.#at + RECORD.FLAGS, files ? HAS_FILES : 0);
    this.#at += this.#length;
  }

  step(step: Step): void {
    const kind = step.op.toUpperCase() as keyof typeof OP;
    this.#record(OP[kind], step.label);
    this.#view.setUint8(
      this.#at + RECORD.INTO,
      step.into === undefined ? 0 : slotNumber(step.into),
    );
    this.#view.setUint8(this.#at + RECORD.FLAGS, step.mayFail ? MAY_FAIL : 0);
    if (step.call !== undefined) {
      this.#view.setUint32(this.#at + RECORD.NR, this.#number(step), true);
    }
    step.operands.forEach((operand, index) => {
      this.#operand(index, operand);
    });
    this.#at += this.#length;
  }

  #record(op: number, label: string): void {
    this.#view.setUint8(this.#at + RECORD.OP, op);
    this.#view.setUint32(this.#at + RECORD.LABEL, this.#pool.text(label), true);
  }

  #number({ call = '', label }: Step): number {
    const { arch } = this.#image;
    const name = arch === 'i386' && label !== 'old-mmap' ? (I386_CALLS[call] ?? call) : call;
    const number = namedConstants(arch).get(`SYS_${name}`);
    if (number === undefined) throw new InvariantError(`no system call ${name} on ${arch}`);
    return Number(number);
  }

  #operand(index: number, operand: StepOperand): void {
    const [base, word] = this.#baseAndWord(operand);
    this.#view.setUint8(this.#at + RECORD.BASES + index, base);
    const wide = this.#image.arch === 'x86-64';
    const at = this.#at + RECORD.WORDS + index * (wide ? 8 : 4);
    if (wide) this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(word)), true);
    else this.#view.setUint32(at, Number(BigInt.asUintN(32, BigInt(word))), true);
  }

  #baseAndWord(operand: StepOperand): readonly [number, number | bigint] {
    if (typeof operand === 'number' || typeof operand === 'bigint') return [0, operand];
    if (typeof operand === 'string') return [slotNumber(operand), 0];
    if ('slot' in operand) return [slotNumber(operand.slot as Slot), operand.plus];
    return [0, this.#constant(operand)];
  }

  #constant(
    operand: Exclude<StepOperand, number | bigint | string | { slot: Slot }>,
  ): number | bigint {
    const { arch } = this.#image;
    if ('byArch' in operand) return operand.byArch[arch];
    if ('constant' in operand) return this.#pool.add(this.#content(operand.constant));
    if ('lengthOf' in operand) return this.#content(operand.lengthOf).length;
    if ('text' in operand) return this.#pool.text(operand.text);
    if ('bytes' in operand) return this.#pool.add(operand.bytes);
    if ('words' in operand) return this.#pool.add(this.#words(operand.words));
    if ('header' in operand) return helperHeaders(arch)[operand.header];
    const argument = this.#pool.text('helper');
    return this.#pool.add(this.#words([...Array<number>(operand.arguments).fill(argument), 0]));
  }

  #words(values: readonly number[]): number[] {
    const wide = this.#image.arch === 'x86-64';
    return values.flatMap((value) => [...u32(value), ...(wide ? u32(value < 0 ? -1 : 0) : [])]);
  }

  #content(constant: Constant): Uint8Array | readonly number[] {
    const { arch, helper, textPage } = this.#image;
    switch (constant) {
      case 'code':
        return [0xb8, ...u32(ANSWER), 0xc3];
      case 'gcc-trampoline':
        return gccTrampoline(arch, textPage);
      case 'library':
        return relocatedLibrary(arch);
      case 'helper':
        return helper;
      case 'environment':
        return new Uint8Array(8);
      case 'empty':
        return [0];
      default:
        return [...new TextEncoder().encode(PATHS[constant] + DIGITS), 0];
    }
  }
}

function isPath(operand: StepOperand): boolean {
  return typeof operand === 'object' && 'constant' in operand && operand.constant in PATHS;
}

/** The static chain into a register, then a jump to the function: what gcc puts on the stack. */
function gccTrampoline(arch: Arch, target: number): number[] {
  const chain = u32(0);
  return arch === 'x86-64'
    ? [0x41, 0xbb, ...u32(target), 0x49, 0xba, ...chain, ...chain, 0x49, 0xff, 0xe3]
    : [0xb9, ...chain, 0xb8, ...u32(target), 0xff, 0xe0];
}

const DT_TEXTREL = 22;

/** A page of a shared library with DT_TEXTREL: headers, a dynamic section, room for code. */
function relocatedLibrary(arch: Arch): Uint8Array {
  const wide = arch === 'x86-64';
  const bytes = new Uint8Array(PAGE);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: number): void => view.setUint32(at, value, true);
  const { header: headers, program: size, number, machine, dynamic } = ELF_CLASS[arch];
  const dynamicAt = 0x200;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, number, 1, 1]);
  view.setUint16(16, ET_DYN, true);
  view.setUint16(18, machine, true);
  word(20, 1);
  word(wide ? 32 : 28, headers);
  view.setUint16(wide ? 52 : 40, headers, true);
  view.setUint16(wide ? 54 : 42, size, true);
  view.setUint16(wide ? 56 : 44, 2, true);
  const program = (
    at: number,
    type: number,
    flags: number,
    offset: number,
    length: number,
  ): void => {
    word(at, type);
    word(at + (wide ? 4 : 24), flags);
    word(at + (wide ? 8 : 4), offset);
    word(at + (wide ? 32 : 16), length);
    word(at + (wide ? 40 : 20), length);
  };
  program(headers, PT_LOAD, 5, 0, PAGE);
  program(headers + size, PT_DYNAMIC, 4, dynamicAt, 2 * dynamic);
  word(dynamicAt, DT_TEXTREL);
  return bytes;
}

function u32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

function align(length: number): number {
  return Math.ceil(length / 16) * 16;
}
