/**
 * Stubs for functions that lie out of reach of a 32-bit displacement, as a linker's PLT has them: each is a
 * jump through a slot, which whoever loads the image fills.
 */
import type { Arch } from '../base/address.js';
import type { ObjectFile, ObjectSymbol } from '../formats/object-file.js';
import { rawRelocationKind } from '../formats/raw-object.js';
import { wordOf } from './image-layout.js';

/** `jmp [rip + slot]` and `jmp [slot]`, filled up with int3. */
const STUB = [0xff, 0x25, 0, 0, 0, 0, 0xcc, 0xcc];

/** The name of the slot that the stub of `name` jumps through. */
export function slotOf(name: string): string {
  return `${name}@slot`;
}

/** Defines every name as a stub, and its slot as a writable word. */
export function importStubs(arch: Arch, names: readonly string[]): ObjectFile {
  const word = wordOf(arch);
  const kind = rawRelocationKind(arch === 'i386' ? 'abs32' : 'rel32');
  const symbols = names.flatMap((name, index): ObjectSymbol[] => [
    symbol(name, 0, index * STUB.length),
    symbol(slotOf(name), 1, index * word),
  ]);
  return {
    name: 'imports',
    arch,
    sections: [
      {
        name: '.plt',
        bytes: Uint8Array.from(names.flatMap(() => STUB)),
        size: names.length * STUB.length,
        align: STUB.length,
        write: false,
        exec: true,
        relocations: names.map((_, index) => ({
          kind,
          offset: index * STUB.length + 2,
          symbol: index * 2 + 1,
          addend: kind.bias,
        })),
      },
      {
        name: '.got.plt',
        bytes: new Uint8Array(),
        size: names.length * word,
        align: word,
        write: true,
        exec: false,
        relocations: [],
      },
    ],
    symbols,
  };
}

function symbol(name: string, section: number, offset: number): ObjectSymbol {
  return { name, binding: 'global', place: { kind: 'section', section, offset }, size: 0 };
}
