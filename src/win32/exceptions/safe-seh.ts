/**
 * Which handlers of 32-bit frames may run: RtlIsValidHandler. One on the stack never does; in an image one of its
 * SafeSEH table, if it has one, and none if it says that it has no handlers; elsewhere where code may be executed.
 * Microsoft: /SAFESEH, IMAGE_LOAD_CONFIG_DIRECTORY32; IMAGE_DLLCHARACTERISTICS_NO_SEH.
 */
import { PAGE_ANY_EXECUTE } from '../../abi/windows/memory.js';
import type { Addr } from '../../base/address.js';
import { DIRECTORY, DLL_NO_SEH } from '../../formats/pe/image.js';
import { depIsOn } from '../dep/mitigations.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';

/** Fields of IMAGE_LOAD_CONFIG_DIRECTORY32. */
const TABLE_AT = 0x40;
const COUNT_AT = 0x44;
const LEAST_SIZE = 0x48;
const MAX_HANDLERS = 1 << 16;

export function isValidHandler(process: Win32Process, handler: Addr): boolean {
  const { stack, modules, space, system } = process;
  if (handler >= stack.bottom && handler < stack.base) return false;
  // Wine looks no further.
  if (system.traits.os === 'wine') return true;
  const module = modules.at(handler);
  if (module !== undefined) return isImageHandler(module, handler);
  if (!depIsOn(space.mitigations)) return true;
  const page = Number(handler >> 12n);
  return ((space.vm.vads.find(page)?.runAt(page).protect ?? 0) & PAGE_ANY_EXECUTE) !== 0;
}

function isImageHandler({ base, content }: Module, handler: Addr): boolean {
  const { image } = content;
  if (image.dllCharacteristics & DLL_NO_SEH) return false;
  const { rva } = image.directories[DIRECTORY.loadConfig]!;
  const size = rva === 0 ? undefined : content.u32(rva);
  if (size === undefined || size < LEAST_SIZE) return true;
  const [table, count] = [content.u32(rva + TABLE_AT) ?? 0, content.u32(rva + COUNT_AT) ?? 0];
  if (table === 0) return true;
  // The table's own address is relocated with the image.
  const first = Number(BigInt(table) - base);
  const wanted = Number(handler - base);
  let [low, high] = [0, Math.min(count, MAX_HANDLERS)];
  while (low < high) {
    const middle = (low + high) >> 1;
    const known = content.u32(first + middle * 4);
    if (known === wanted) return true;
    if (known === undefined || known > wanted) high = middle;
    else low = middle + 1;
  }
  return false;
}
