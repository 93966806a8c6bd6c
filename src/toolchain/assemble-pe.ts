/**
 * From an assembly source to a program for Windows: its sections on pages of their own, and the import table that
 * `.import DLL, FUNCTION, ...` lines ask for: a function's name is the address of its slot, as in `call [ExitProcess]`.
 */
import type { Addr, Arch } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import { DIRECTORY, roundUp } from '../formats/pe/image.js';
import { importTable, type PeSectionInit, type WantedDll, writePe } from '../formats/pe/writer.js';
import {
  type AssembledSection,
  type AssembleOptions,
  assemble,
  checkAssembly,
} from './assemble.js';
import { type AssembledProgram, segmentsOf } from './assemble-program.js';

/** Programs of both architectures are linked here and stay here: addresses in them are final. */
const BASE = 0x40_0000n;
const IMPORTS_RVA = 0x1000;
const PAGE = 0x1000;
const NX_COMPAT = 0x100;
/** A section without contents that takes the mark NX_COMPAT away, as `--disable-nxcompat` does. */
const UNMARKED_SECTION = '.no_nx_compat';

/**
 * Assembles a whole program, entered at `_start`.
 * @throws AssemblyError for what is wrong with the source, MayexecError when it has no `_start`.
 */
export async function assemblePe(
  source: string,
  options: AssembleOptions,
): Promise<AssembledProgram> {
  checkAssembly(source, options);
  const { code, wanted } = withoutImports(source);
  const table = importTable(options.arch, IMPORTS_RVA, wanted);
  const slots = [...table.slots].map(([name, rva]): [string, bigint] => [
    name.slice(name.indexOf('!') + 1),
    BASE + BigInt(rva),
  ]);
  const first = roundUp(IMPORTS_RVA + table.bytes.length, PAGE);
  const assembled = await assemble(code, {
    ...options,
    address: BASE + BigInt(first),
    constants: { ...Object.fromEntries(slots), ...options.constants },
  });
  const entry = assembled.symbols.get('_start');
  if (entry === undefined) {
    throw new MayexecError(
      `${options.file ?? 'the source'} has no label '_start', where a program begins`,
    );
  }
  const rvaOf = (address: Addr): number => Number(address - BASE);
  const parts = segmentsOf(assembled).map(
    (segment): PeSectionInit => ({
      name: segment.exec ? '.text' : segment.write ? '.data' : '.rdata',
      rva: rvaOf(segment.address),
      bytes: segment.bytes,
      memoryLength: segment.memoryLength,
      write: segment.write,
      exec: segment.exec,
    }),
  );
  const unmarked = assembled.sections.some(
    ({ name }: AssembledSection) => name === UNMARKED_SECTION,
  );
  const elf = writePe({
    arch: options.arch,
    base: BASE,
    entry: rvaOf(entry),
    sections: [{ name: '.idata', rva: IMPORTS_RVA, bytes: table.bytes, write: true }, ...parts],
    directories: new Map([[DIRECTORY.import, { rva: IMPORTS_RVA, size: table.size }]]),
    dllCharacteristics: unmarked ? 0 : NX_COMPAT,
    labels: new Map(
      [...assembled.symbols].map(([name, at]) => [cName(name, options.arch), rvaOf(at)]),
    ),
  });
  return { elf, symbols: assembled.symbols, lines: assembled.lines };
}

/** As a C compiler would name it. */
function cName(name: string, arch: Arch): string {
  return arch === 'i386' ? `_${name}` : name;
}

const IMPORT = /^\s*\.import\s+([\w.-]+)\s*,\s*(\w+(?:\s*,\s*\w+)*)\s*(?:[;#].*)?$/;

/** Lines stay where they are. */
function withoutImports(source: string): { code: string; wanted: readonly WantedDll[] } {
  const wanted = new Map<string, string[]>();
  const lines = source.split('\n').map((line) => {
    const match = IMPORT.exec(line);
    if (match === null) return line;
    const [, dll = '', names = ''] = match;
    const list = wanted.get(dll) ?? [];
    for (const name of names.split(',').map((one) => one.trim())) {
      if (!list.includes(name)) list.push(name);
    }
    wanted.set(dll, list);
    return '';
  });
  return { code: lines.join('\n'), wanted: [...wanted].map(([dll, names]) => ({ dll, names })) };
}
