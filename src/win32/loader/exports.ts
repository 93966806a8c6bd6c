/** What a module exports by a name or an ordinal, through forwarders: to DLLs that are loaded for that, if need be. */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import type { PeExport, PeExports } from '../../formats/pe/directories.js';
import type { Module } from '../process/modules.js';
import { LoadFailure } from './load-failure.js';

/** A forwarder to a forwarder, and so on: more are a circle. */
const MAX_FORWARDS = 16;

/**
 * Undefined: no such export.
 * @param load The DLL of a forwarder; undefined: nobody has it.
 * @throws LoadFailure for forwarders in a circle.
 */
export function exportAddress(
  module: Module,
  name: string | number,
  load: (dll: string) => Module | undefined,
): Addr | undefined {
  let [from, wanted] = [module, name];
  for (let step = 0; step < MAX_FORWARDS; step++) {
    const entry = lookup(from.exports, wanted);
    if (entry === undefined) return undefined;
    if (entry.forwarder === undefined) return from.base + BigInt(entry.rva);
    const dot = entry.forwarder.lastIndexOf('.');
    const target = load(entry.forwarder.slice(0, dot));
    if (target === undefined) return undefined;
    const symbol = entry.forwarder.slice(dot + 1);
    from = target;
    wanted = symbol.startsWith('#') ? Number(symbol.slice(1)) : symbol;
  }
  const what = typeof name === 'number' ? `#${name}` : name;
  throw new LoadFailure(
    STATUS.ENTRYPOINT_NOT_FOUND,
    `${module.path} exports ${what} by forwarders that lead in a circle`,
  );
}

function lookup({ byName, byOrdinal }: PeExports, name: string | number): PeExport | undefined {
  return typeof name === 'number' ? byOrdinal.get(name) : byName.get(name);
}
