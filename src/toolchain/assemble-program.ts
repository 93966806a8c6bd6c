/** From an assembly source to an executable: each run of sections with equal rights becomes a PT_LOAD. */

import type { Addr, Arch } from '../base/address.js';
import { checkBytes } from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { ownEntry } from '../base/own-entry.js';
import { type ElfMark, type ElfSegment, writeElf } from '../formats/elf/writer.js';
import {
  type Assembled,
  type AssembledSection,
  type AssembleOptions,
  assemble,
  DEFAULT_ADDRESS,
  type SourceLine,
} from './assemble.js';

export interface AssembledProgram {
  /** A static executable, ET_EXEC, entered at `_start`. */
  readonly elf: Uint8Array;
  readonly symbols: ReadonlyMap<string, Addr>;
  /** Where each statement's bytes lie, in order of addresses. */
  readonly lines: readonly SourceLine[];
}

/**
 * Assembles a whole program.
 * @throws AssemblyError for what is wrong with the source, MayexecError when it has no `_start`.
 */
export async function assembleProgram(
  source: string,
  options: AssembleOptions,
): Promise<AssembledProgram> {
  const assembled = await assemble(source, options);
  const entry = assembled.symbols.get('_start');
  if (entry === undefined) {
    throw new MayexecError(
      `${options.file ?? 'the source'} has no label '_start', where a program begins; for C with a library, link it and run the ELF file`,
    );
  }
  const elf = writeElf({
    arch: options.arch,
    entry,
    segments: segmentsOf(assembled),
    symbols: assembled.symbols,
    headers: headersOf(assembled.sections),
    stack: assembled.execStack ? 'rwx' : 'rw',
  });
  return { elf, symbols: assembled.symbols, lines: assembled.lines };
}

/** An executable of bytes that were made elsewhere: `_start` is the first of them. */
export function programOfCode(code: Uint8Array, arch: Arch): Uint8Array {
  checkBytes('the code', code);
  const address = ownEntry(DEFAULT_ADDRESS, arch);
  if (address === undefined) {
    throw unknownValue('architecture', arch, Object.keys(DEFAULT_ADDRESS));
  }
  const segment = { address, bytes: code, memoryLength: code.length, write: false, exec: true };
  return writeElf({
    arch,
    entry: address,
    segments: [segment],
    symbols: new Map([['_start', address]]),
    headers: [],
    stack: 'rw',
  });
}

const PT_NOTE = 4;
const PT_OPENBSD_WXNEEDED = 0x65a3dbe7;
/** OpenBSD's linker makes the mark of an option (-z wxneeded); here it is a section without contents. */
const WXNEEDED_SECTION = '.openbsd.wxneeded';

/** What a linker makes of `.note.*` sections, and the mark of OpenBSD. */
function headersOf(sections: readonly AssembledSection[]): ElfMark[] {
  const notes = sections.filter(({ name, length }) => name.startsWith('.note.') && length > 0);
  const marked = sections.some(({ name }) => name === WXNEEDED_SECTION);
  return [
    ...notes.map(({ address, length }) => ({ type: PT_NOTE, address, length })),
    ...(marked ? [{ type: PT_OPENBSD_WXNEEDED }] : []),
  ];
}

/** Sections lie in the image by rights, each kind on pages of its own; .bss extends what is writable. */
export function segmentsOf({ sections, bytes }: Assembled): ElfSegment[] {
  const segments: ElfSegment[] = [];
  for (const group of groupByRights(sections.filter(({ length }) => length > 0))) {
    const first = group[0]!;
    const last = group.at(-1)!;
    const start = first.address & ~0xfffn;
    const parts = group.filter(({ offset }) => offset !== undefined);
    const content = new Uint8Array(fileEnd(parts, start));
    for (const part of parts) {
      const from = part.offset!;
      content.set(bytes.subarray(from, from + part.length), Number(part.address - start));
    }
    segments.push({
      address: start,
      bytes: content,
      memoryLength: Number(last.address - start) + last.length,
      write: first.write,
      exec: first.exec,
    });
  }
  return segments;
}

function fileEnd(parts: readonly AssembledSection[], start: Addr): number {
  const last = parts.at(-1);
  return last === undefined ? 0 : Number(last.address - start) + last.length;
}

/** Neighbours with the same rights share a segment; one that would share a page with another does too. */
function groupByRights(sections: readonly AssembledSection[]): AssembledSection[][] {
  const groups: AssembledSection[][] = [];
  for (const section of sections) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    if (before !== undefined && before.write === section.write && before.exec === section.exec) {
      group!.push(section);
    } else {
      groups.push([section]);
    }
  }
  return groups;
}
