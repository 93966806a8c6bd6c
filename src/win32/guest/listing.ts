/** Allocations as a listing of the whole address space has them: one line for each run of one protection. */
import { protectionName } from '../../abi/windows/memory.js';
import { PAGE_SIZE_N } from '../../base/address.js';
import { type ListedMapping, RIGHT_EXEC, RIGHT_READ, RIGHT_WRITE } from '../../memory/mapping.js';
import { rightsOf } from '../../os/windows/memory/protection.js';
import type { Run, Vad } from '../../os/windows/memory/vad.js';

const KINDS = { private: 'MEM_PRIVATE', mapped: 'MEM_MAPPED', image: 'MEM_IMAGE' } as const;

export function listMappings(vads: readonly Vad[]): ListedMapping[] {
  return vads.flatMap((vad) => vad.runs.map((run) => mappingOf(vad, run)));
}

export function mappingOf(vad: Vad, run: Run): ListedMapping {
  const state = run.protect === 0 ? 'MEM_RESERVE' : 'MEM_COMMIT';
  return {
    start: BigInt(run.start) * PAGE_SIZE_N,
    end: BigInt(run.end) * PAGE_SIZE_N,
    rights: rightsOf(run.protect),
    protection: run.protect === 0 ? 'reserved' : protectionName(run.protect),
    may: RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC,
    growsDown: vad.name === 'stack',
    shared: vad.kind === 'mapped' && !vad.copies,
    name: vad.name,
    object: vad.section && (vad.section.object ?? { path: vad.section.name }),
    offset: BigInt(run.start - vad.start + vad.offset) * PAGE_SIZE_N,
    history: vad.history,
    native: vad,
    attributes: [
      state,
      KINDS[vad.kind],
      run.protect === 0 ? '' : protectionName(run.protect),
      `allocated as ${protectionName(vad.protect)}`,
    ].filter((text) => text !== ''),
  };
}

/** The whole listing as text, in the manner of VMMap and !vadump. */
export function mapsText(mappings: readonly ListedMapping[], wide: boolean): string {
  const digits = wide ? 12 : 8;
  const hex = (value: bigint): string => value.toString(16).padStart(digits, '0');
  return mappings
    .map(({ start, end, name, attributes }) => {
      const [state = '', kind = '', protect = ''] = attributes;
      const shown = state === 'MEM_RESERVE' ? '' : protect;
      const line = `${hex(start)}-${hex(end)} ${kind.padEnd(11)} ${state.padEnd(11)} ${shown.padEnd(24)} ${name}`;
      return `${line.trimEnd()}\n`;
    })
    .join('');
}
