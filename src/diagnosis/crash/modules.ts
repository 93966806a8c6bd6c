/** The files that a process has mapped as programs: which of them an address belongs to, and what it says of it. */

import { type Addr, pageDown } from '../../base/address.js';
import { wrongArgument } from '../../base/arguments.js';
import { PT_LOAD } from '../../formats/elf/structures.js';
import type { MapsEntry, Sandbox } from '../../sandbox/sandbox.js';
import { checkSandbox } from '../../sandbox/sandbox-shape.js';
import type { CodeFile } from './code-file.js';
import { ElfCodeFile } from './elf-file.js';
import { PeCodeFile } from './pe-file.js';

export interface LoadedModule {
  readonly path: string;
  readonly file: CodeFile;
  /** Added to the addresses of the file. */
  readonly bias: Addr;
}

/** Files are read once for each sandbox. */
const filesOf = new WeakMap<Sandbox, Map<string, ElfCodeFile | PeCodeFile | undefined>>();

/** Undefined for memory that is no part of a program: heap, stack, generated code. */
export function moduleAt(sandbox: Sandbox, address: Addr): LoadedModule | undefined {
  const maps = sandbox.maps();
  return (
    (sandbox.os === 'linux' ? undefined : imageAt(sandbox, maps, address)) ??
    elfAt(
      sandbox,
      maps.filter(({ start }) => start <= address),
      address,
    )
  );
}

function elfAt(
  sandbox: Sandbox,
  maps: readonly MapsEntry[],
  address: Addr,
): LoadedModule | undefined {
  // What a segment has beyond its file is anonymous memory behind it.
  const name = maps.findLast((map) => map.name.startsWith('/'))?.name;
  if (name === undefined) return undefined;
  const path = name.replace(/ \(deleted\)$/, '');
  const file = fileOf(sandbox, path, () => openFile(sandbox, [path], ElfCodeFile.open));
  if (!(file instanceof ElfCodeFile)) return undefined;
  const bias = biasOf(
    file,
    maps.filter((map) => map.name === name),
  );
  const within = bias !== undefined && isLoaded(file, address - bias);
  return within ? { path, file, bias } : undefined;
}

/** An image of Windows: runs of pages with its name, side by side. Wine puts the name of anonymous memory in brackets. */
function imageAt(
  sandbox: Sandbox,
  maps: readonly MapsEntry[],
  address: Addr,
): LoadedModule | undefined {
  const at = maps.findIndex(({ start, end }) => start <= address && address < end);
  const path = at < 0 ? '' : imagePath(maps[at]!);
  if (!/\.(exe|dll)$/i.test(path)) return undefined;
  let first = at;
  while (first > 0 && continues(maps[first - 1]!, maps[first]!)) first--;
  const base = maps[first]!.start;
  const name = path.split(/[\\/]/).at(-1) ?? path;
  const file = fileOf(sandbox, path, () =>
    openFile(sandbox, [path, `C:\\${name}`], PeCodeFile.open),
  );
  return file instanceof PeCodeFile ? { path, file, bias: base - file.image.base } : undefined;
}

function imagePath({ name }: MapsEntry): string {
  return name.replace(/^\[(.*)\]$/, '$1');
}

function continues(before: MapsEntry, map: MapsEntry): boolean {
  return before.end === map.start && imagePath(before) === imagePath(map);
}

function fileOf<T extends ElfCodeFile | PeCodeFile>(
  sandbox: Sandbox,
  path: string,
  open: () => T | undefined,
): ElfCodeFile | PeCodeFile | undefined {
  const files = filesOf.get(sandbox) ?? new Map<string, ElfCodeFile | PeCodeFile | undefined>();
  filesOf.set(sandbox, files);
  if (!files.has(path)) files.set(path, open());
  return files.get(path);
}

/** The first of the paths that is there. */
function openFile<T>(
  sandbox: Sandbox,
  paths: readonly string[],
  open: (bytes: Uint8Array) => T | undefined,
): T | undefined {
  for (const path of paths) {
    try {
      return open(sandbox.readFile(path));
    } catch {
      // Removed or renamed since it was mapped.
    }
  }
  return undefined;
}

/** By where the first segment lies: later ones may share their pages of the file with those before. */
function biasOf({ image }: ElfCodeFile, maps: readonly MapsEntry[]): Addr | undefined {
  if (image.type === 'ET_EXEC') return 0n;
  const first = image.headers.find(({ type }) => type === PT_LOAD);
  if (first === undefined) return undefined;
  const map = maps.findLast(({ offset }) => offset === pageDown(first.offset));
  return map && map.start - pageDown(first.address);
}

function isLoaded({ image }: ElfCodeFile, address: Addr): boolean {
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
