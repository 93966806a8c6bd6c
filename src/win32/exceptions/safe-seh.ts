/**
 * Which handlers of 32-bit frames may run: RtlIsValidHandler. One on the stack never does; in an image one of its
 * SafeSEH table, if it has one, and none if it says that it has no handlers; elsewhere as the flags of the process say.
 * Microsoft: /SAFESEH, IMAGE_LOAD_CONFIG_DIRECTORY32; IMAGE_DLLCHARACTERISTICS_NO_SEH.
 */
import { PAGE_ANY_EXECUTE } from '../../abi/windows/memory.js';
import type { Addr } from '../../base/address.js';
import { DIRECTORY, DLL_NO_SEH } from '../../formats/pe/image.js';
import {
  MEM_EXECUTE_OPTION_EXECUTE_DISPATCH_ENABLE,
  MEM_EXECUTE_OPTION_IMAGE_DISPATCH_ENABLE,
} from '../dep/mitigations.js';
import { baseName } from '../files.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';

/** Fields of IMAGE_LOAD_CONFIG_DIRECTORY32. */
const TABLE_AT = 0x40;
const COUNT_AT = 0x44;
const LEAST_SIZE = 0x48;
const MAX_HANDLERS = 1 << 16;

export function isValidHandler(process: Win32Process, handler: Addr): boolean {
  const { stack, modules, space } = process;
  if (handler >= stack.bottom && handler < stack.base) return false;
  const { mitigations } = space;
  // Wine looks no further.
  if (!mitigations.safeSeh) return true;
  const module = modules.at(handler);
  if (module !== undefined && !isImageHandler(module, handler)) {
    return refuse(process, handler, `SafeSEH: ${baseName(module.path)} does not list it`);
  }
  const page = Number(handler >> 12n);
  const protect = space.vm.vads.find(page)?.runAt(page).protect ?? 0;
  const has = (flag: number): boolean => (mitigations.executeFlags & flag) !== 0;
  if (!(protect & PAGE_ANY_EXECUTE)) {
    return (
      has(MEM_EXECUTE_OPTION_EXECUTE_DISPATCH_ENABLE) ||
      refuse(process, handler, 'it lies where nothing may be executed')
    );
  }
  return (
    module !== undefined ||
    has(MEM_EXECUTE_OPTION_IMAGE_DISPATCH_ENABLE) ||
    refuse(process, handler, 'with DEP, it would have to lie in an image')
  );
}

/** What Windows says nothing of, whoever wonders why a handler is not asked wants to know. */
function refuse({ system }: Win32Process, handler: Addr, why: string): false {
  system.note(`the exception handler at 0x${handler.toString(16)} is not asked: ${why}`);
  return false;
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
