/** DEP of a new process: from the boot option, the image's mark and the exemption list. */
import type { Arch } from '../../base/address.js';
import { DLL_NX_COMPAT, type PeImage } from '../../formats/pe/image.js';
import type { DepMode } from '../../policy/effects.js';
import { initialDep } from '../../policy/windows/dep.js';
import {
  MEM_EXECUTE_OPTION_DISABLE,
  MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION,
  MEM_EXECUTE_OPTION_PERMANENT,
  WITHOUT_DEP,
} from '../dep/mitigations.js';

/** ProcessExecuteFlags. */
export function executeFlagsOf(
  mode: DepMode,
  arch: Arch,
  image: PeImage | undefined,
  exempt: boolean,
): number {
  const marks = image?.dllCharacteristics ?? DLL_NX_COMPAT;
  const state = initialDep(mode, arch, marks, exempt);
  if (arch === 'x86-64') {
    return (
      MEM_EXECUTE_OPTION_DISABLE |
      MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION |
      MEM_EXECUTE_OPTION_PERMANENT
    );
  }
  return (
    (state.on ? MEM_EXECUTE_OPTION_DISABLE : WITHOUT_DEP) |
    (state.permanent ? MEM_EXECUTE_OPTION_PERMANENT : 0)
  );
}
