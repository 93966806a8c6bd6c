/**
 * ObjectFile: a relocatable object as the linker sees it, whatever format it came in: sections, symbols, and
 * relocations whose addends are spelled out.
 */
import type { Arch } from '../base/address.js';

/**
 * How the value of a relocation is computed; S symbol, A addend, P place, GOT its first slot, G the symbol's slot,
 * TP the thread pointer, GT a slot with S - TP.
 */
export type RelocationFormula =
  /** S + A */
  | 'absolute'
  /** S + A - P */
  | 'relative'
  /** S + A - image's start */
  | 'image'
  /** S + A - start of S's section */
  | 'section-offset'
  /** number of S's section, from 1 */
  | 'section-number'
  /** size of S, + A */
  | 'size'
  /** G + A - P */
  | 'slot-relative'
  /** G + A - GOT */
  | 'slot-offset'
  /** G + A */
  | 'slot'
  /** S + A - GOT */
  | 'got-offset'
  /** GOT + A - P */
  | 'got-relative'
  /** S + A - TP */
  | 'thread-offset'
  /** GT + A */
  | 'thread-slot'
  /** GT + A - P */
  | 'thread-slot-relative'
  /** GT + A - GOT */
  | 'thread-slot-offset';

/** A relocation type of a format. */
export interface RelocationKind {
  /** As the format's document spells it: 'R_X86_64_PC32'. */
  readonly name: string;
  readonly formula: RelocationFormula;
  /** Bytes of the field. */
  readonly width: 1 | 2 | 4 | 8;
  /** Which values fit: 'either' takes signed and unsigned ones, 'any' keeps the low bits. */
  readonly range: 'signed' | 'unsigned' | 'either' | 'any';
}

export interface Relocation {
  readonly kind: RelocationKind;
  /** Bytes from the section's start. */
  readonly offset: number;
  /** Index into the file's symbols. */
  readonly symbol: number;
  readonly addend: bigint;
}

/** A section that takes part in the image (others are not listed). */
export interface ObjectSection {
  readonly name: string;
  /** Empty for zero-filled memory (.bss). */
  readonly bytes: Uint8Array;
  /** Bytes in memory. */
  readonly size: number;
  /** A power of two. */
  readonly align: number;
  readonly write: boolean;
  readonly exec: boolean;
  readonly relocations: readonly Relocation[];
  /** Each thread has its own: .tdata, .tbss. */
  readonly threadLocal?: boolean;
  /** An array of functions to be called before anything else. */
  readonly initializers?: InitializerOrder | undefined;
  /** Sections of one group lie together, in this order. */
  readonly group?: { readonly name: string; readonly order: string } | undefined;
}

export interface InitializerOrder {
  /** Lower ones first. */
  readonly priority: number;
  /** The last function first. */
  readonly backwards: boolean;
}

/** Of an array without a number in its name: it comes behind those that have one. */
export const LAST_PRIORITY = 65536;

/** `.ctors.N`, older than .init_array: N counts down, and each array runs backwards. Undefined for other names. */
export function constructorOrder(name: string): InitializerOrder | undefined {
  const found = /^\.ctors(?:\.(\d+))?$/.exec(name);
  if (found === null) return undefined;
  const [, number] = found;
  const priority = number === undefined ? LAST_PRIORITY : LAST_PRIORITY - 1 - Number(number);
  return { priority, backwards: true };
}

export type SymbolPlace =
  | { readonly kind: 'undefined' }
  | { readonly kind: 'absolute'; readonly value: bigint }
  /** `section`: index into the file's sections. */
  | { readonly kind: 'section'; readonly section: number; readonly offset: number }
  /** Zero-filled memory that the linker finds a place for. */
  | { readonly kind: 'common'; readonly size: number; readonly align: number };

export interface ObjectSymbol {
  readonly name: string;
  /** 'weak' also for one copy of several (COMDAT): the first definition counts. */
  readonly binding: 'local' | 'global' | 'weak';
  readonly place: SymbolPlace;
  /** Bytes, 0 where the file does not say. */
  readonly size: number;
}

export interface ObjectFile {
  /** For messages. */
  readonly name: string;
  readonly arch: Arch;
  readonly sections: readonly ObjectSection[];
  readonly symbols: readonly ObjectSymbol[];
}
