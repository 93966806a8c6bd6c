/** Bytes of a code generator with its own list of relocations, as an object file of one section. */

import type { Arch } from '../base/address.js';
import { checkBytes, checkList, checkRecord } from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { visible } from '../base/text.js';
import { elfRelocationKinds } from './elf/relocations.js';
import type { ObjectFile, ObjectSymbol, Relocation, RelocationKind } from './object-file.js';

export interface RawRelocation {
  /** Bytes from the start of the code. */
  readonly offset: number;
  /** `abs64`, `abs32`, `rel32`, `rel8`, or a name of the ELF psABI such as `R_X86_64_PC32`. */
  readonly type: string;
  readonly symbol: string;
  /**
   * Default 0; of `rel32` and `rel8` it counts from the end of the field, where the next instruction of a
   * call or jump begins. ELF's own names take ELF's own addends (-4 there).
   */
  readonly addend?: number | bigint;
}

export interface RawCode {
  readonly arch: Arch;
  readonly code: Uint8Array;
  /** For messages; default 'code'. */
  readonly name?: string;
  readonly relocations?: readonly RawRelocation[];
  /** Offsets of labels in the code. */
  readonly symbols?: Readonly<Record<string, number>>;
}

export interface RawRelocationKind extends RelocationKind {
  /** Added to the addend. */
  readonly bias: bigint;
}

const CODE: OptionNames<RawCode> = {
  arch: true,
  code: true,
  name: true,
  relocations: true,
  symbols: true,
};
const RELOCATION: OptionNames<RawRelocation> = {
  offset: true,
  type: true,
  symbol: true,
  addend: true,
};

const SHORT = {
  abs64: { name: 'abs64', formula: 'absolute', width: 8, range: 'any', bias: 0n },
  abs32: { name: 'abs32', formula: 'absolute', width: 4, range: 'either', bias: 0n },
  rel32: { name: 'rel32', formula: 'relative', width: 4, range: 'signed', bias: -4n },
  rel8: { name: 'rel8', formula: 'relative', width: 1, range: 'signed', bias: -1n },
} as const satisfies Readonly<Record<string, RawRelocationKind>>;

export function rawRelocationKind(name: keyof typeof SHORT): RawRelocationKind {
  return SHORT[name];
}

/** @throws MayexecError for an unknown type, and a place outside the code. */
export function rawObject(raw: RawCode): ObjectFile {
  checkOptionNames('linkCode', raw, CODE);
  const { arch, code, name = 'code', relocations = [], symbols = {} } = raw;
  checkBytes('code of linkCode', code);
  checkList('relocations of linkCode', relocations);
  checkRecord('symbols of linkCode', symbols, 'an object of names and offsets');
  for (const each of relocations) checkOptionNames('a relocation of linkCode', each, RELOCATION);
  const own = Object.entries(symbols).map(([label, offset]): ObjectSymbol => {
    checkOffset(`symbol '${label}'`, offset, 0, code.length);
    return symbolOf(label, { kind: 'section', section: 0, offset });
  });
  const wanted = new Set(relocations.map(({ symbol }) => symbol));
  const foreign = [...wanted]
    .filter((label) => !Object.hasOwn(symbols, label))
    .map((label) => symbolOf(label, { kind: 'undefined' }));
  const all = [...own, ...foreign];
  const numbers = new Map(all.map(({ name: label }, index) => [label, index]));
  const section = {
    name: '.text',
    bytes: code,
    size: code.length,
    align: 16,
    write: false,
    exec: true,
    relocations: relocations.map((relocation) => {
      const symbol = numbers.get(relocation.symbol)!;
      return relocationOf(arch, relocation, symbol, code.length);
    }),
  };
  return { name, arch, sections: [section], symbols: all };
}

function symbolOf(name: string, place: ObjectSymbol['place']): ObjectSymbol {
  return { name, binding: 'global', place, size: 0 };
}

function relocationOf(
  arch: Arch,
  { offset, type, addend = 0, symbol: label }: RawRelocation,
  symbol: number,
  length: number,
): Relocation {
  const { bias, ...kind } = kindOf(arch, type);
  checkOffset(`relocation ${type} against '${label}'`, offset, kind.width, length);
  return { kind, offset, symbol, addend: BigInt(addend) + bias };
}

function kindOf(arch: Arch, type: string): RawRelocationKind {
  if (Object.hasOwn(SHORT, type)) return SHORT[type as keyof typeof SHORT];
  const kinds = [...elfRelocationKinds(arch)];
  const kind = kinds.find(({ name }) => name === type);
  if (kind !== undefined) return { ...kind, bias: 0n };
  throw unknownValue('relocation type', type, [
    ...Object.keys(SHORT),
    ...kinds.map(({ name }) => name),
  ]);
}

function checkOffset(what: string, offset: number, width: number, length: number): void {
  if (Number.isInteger(offset) && offset >= 0 && offset + width <= length) return;
  throw new MayexecError(
    `${visible(what)} is at offset ${offset}, outside the code of ${length} bytes`,
  );
}
