/**
 * ObjectFile: a relocatable object as the linker sees it, whatever format it came in: sections, symbols, and
 * relocations whose addends are spelled out.
 */
import type { Arch } from '../base/address.js';

/** How the value of a relocation is computed; S symbol, A addend, P place, GOT its first slot, G the symbol's slot. */
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
  | 'got-relative';

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
