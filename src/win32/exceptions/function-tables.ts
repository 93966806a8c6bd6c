/**
 * Which function an address lies in: by the tables of images, and by those that a program has made known for code of
 * its own: whole ones, ones that grow, and a function of the program's that is asked.
 */
import type { Addr } from '../../base/address.js';
import { DIRECTORY } from '../../formats/pe/image.js';
import {
  FUNCTION_BYTES,
  findRuntimeFunction,
  type PeRuntimeFunction,
  type ReadAtRva,
  runtimeFunctionAt,
} from '../../formats/pe/unwind-info.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import type { DynamicTable } from '../process/dynamic-tables.js';
import type { Win32Process } from '../process/process.js';

export interface FunctionEntry {
  /** What its RVAs count from. */
  readonly base: Addr;
  readonly function: PeRuntimeFunction;
}

/** RVAs of the process's memory, from what they count from. */
export function readerOf({ memory }: Win32Process, base: Addr): ReadAtRva {
  return (rva, length) => memory.tryRead(base + BigInt(rva), length);
}

/** Where the RUNTIME_FUNCTION lies. */
export function entryAddress({ base, function: found }: FunctionEntry): Addr {
  return BigInt.asUintN(64, base + BigInt(found.entry));
}

/** The entry at an address whose RVAs count from `base`. */
export function entryAt(
  process: Win32Process,
  base: Addr,
  address: Addr,
): FunctionEntry | undefined {
  const found = runtimeFunctionAt(readerOf(process, base), Number(address - base));
  return found && { base, function: found };
}

/** RtlLookupFunctionEntry; undefined for a leaf function, and for code that nobody has told of. */
export function* lookupFunction(
  process: Win32Process,
  pc: Addr,
): HostTask<FunctionEntry | undefined> {
  const module = process.modules.at(pc);
  if (module === undefined) return yield* lookupDynamic(process, pc);
  const { base, content } = module;
  const table = content.image.directories[DIRECTORY.exception]!;
  const found = findRuntimeFunction(readerOf(process, base), table, Number(pc - base));
  return found && { base, function: found };
}

function* lookupDynamic(process: Win32Process, pc: Addr): HostTask<FunctionEntry | undefined> {
  for (const table of [...process.functionTables]) {
    if (table.kind === 'table') {
      const entry = searchTable(process, table, pc);
      if (entry !== undefined) return entry;
    } else if (pc >= table.base && pc < table.base + table.length) {
      const address = yield* callback(process, table.callback, [pc, table.context]);
      return address === 0n ? undefined : entryAt(process, table.base, address);
    }
  }
  return undefined;
}

/** Tables of programs need not be sorted. */
function searchTable(
  process: Win32Process,
  { address, count, base }: DynamicTable & { readonly kind: 'table' },
  pc: Addr,
): FunctionEntry | undefined {
  process.system.meter.charge('object', count);
  const rva = Number(pc - base);
  for (let index = 0; index < count; index++) {
    const entry = entryAt(process, base, address + BigInt(index * FUNCTION_BYTES));
    if (entry === undefined) return undefined;
    if (rva >= entry.function.begin && rva < entry.function.end) return entry;
  }
  return undefined;
}
