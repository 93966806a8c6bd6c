/** The files that a process has mapped as programs: which of them an address belongs to, and what it says of it. */

import { type Addr, pageDown } from '../../base/address.js';
import { wrongArgument } from '../../base/arguments.js';
import { PT_LOAD } from '../../formats/elf/structures.js';
import type { MapsEntry, Sandbox } from '../../sandbox/sandbox.js';
import { checkSandbox } from '../../sandbox/sandbox-shape.js';
import { ProgramFile } from './program-file.js';

export interface LoadedModule {
  readonly path: string;
  readonly file: ProgramFile;
  /** Added to the addresses of the file. */
  readonly bias: Addr;
}

/** Files are read once for each sandbox. */
const filesOf = new WeakMap<Sandbox, Map<string, ProgramFile | undefined>>();

/** Undefined for memory that is no part of a program: heap, stack, generated code. */
export function moduleAt(sandbox: Sandbox, address: Addr): LoadedModule | undefined {
  const maps = sandbox.maps().filter(({ start }) => start <= address);
  // What a segment has beyond its file is anonymous memory behind it.
  const name = maps.findLast((map) => map.name.startsWith('/'))?.name;
  if (name === undefined) return undefined;
  const path = name.replace(/ \(deleted\)$/, '');
  const file = fileOf(sandbox, path);
  if (file === undefined) return undefined;
  const bias = biasOf(
    file,
    maps.filter((map) => map.name === name),
  );
  const within = bias !== undefined && isLoaded(file, address - bias);
  return within ? { path, file, bias } : undefined;
}

function fileOf(sandbox: Sandbox, path: string): ProgramFile | undefined {
  const files = filesOf.get(sandbox) ?? new Map<string, ProgramFile | undefined>();
  filesOf.set(sandbox, files);
  if (!files.has(path)) files.set(path, readFile(sandbox, path));
  return files.get(path);
}

function readFile(sandbox: Sandbox, path: string): ProgramFile | undefined {
  try {
    return ProgramFile.open(sandbox.readFile(path));
  } catch {
    // Removed or renamed since it was mapped.
    return undefined;
  }
}

/** By where the first segment lies: later ones may share their pages of the file with those before. */
function biasOf({ image }: ProgramFile, maps: readonly MapsEntry[]): Addr | undefined {
  if (image.type === 'ET_EXEC') return 0n;
  const first = image.headers.find(({ type }) => type === PT_LOAD);
  if (first === undefined) return undefined;
  const map = maps.findLast(({ offset }) => offset === pageDown(first.offset));
  return map && map.start - pageDown(first.address);
}

function isLoaded({ image }: ProgramFile, address: Addr): boolean {
  return image.headers.some(
    (header) =>
      header.type === PT_LOAD &&
      pageDown(header.address) <= address &&
      address < header.address + header.memorySize,
  );
}

/** `main+0x1f`'s two parts. */
export interface NamedPlace {
  readonly name: string;
  /** The address of the name. */
  readonly address: Addr;
}

/** The function, object or label that an address of a program lies in. */
export function symbolAt(sandbox: Sandbox, address: Addr): NamedPlace | undefined {
  checkSandbox('symbolAt', sandbox);
  if (typeof address !== 'bigint') throw wrongArgument('the address', address, 'a bigint');
  const module = moduleAt(sandbox, address);
  const symbol = module?.file.symbolAt(Number(address - module.bias));
  if (module === undefined || symbol === undefined) return undefined;
  return { name: symbol.name, address: BigInt(symbol.start) + module.bias };
}
