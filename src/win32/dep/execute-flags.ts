/** ProcessExecuteFlags: DEP of the process as NtSetInformationProcess changes it. */
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import type { Win32Process } from '../process/process.js';
import {
  depIsOn,
  isPermanent,
  MEM_EXECUTE_OPTION_DISABLE,
  MEM_EXECUTE_OPTION_ENABLE,
  MEM_EXECUTE_OPTION_VALID_FLAGS,
} from './mitigations.js';

/** Exactly one of DISABLE and ENABLE must be said; PERMANENT is the last word. 64-bit processes cannot choose. */
export function setExecuteFlags(process: Win32Process, flags: number): NtStatus {
  const { mitigations } = process.space;
  if (process.wide) return STATUS.INVALID_PARAMETER;
  if (isPermanent(mitigations)) return STATUS.ACCESS_DENIED;
  const isStrict = process.system.traits.os === 'windows';
  if (isStrict && flags & ~MEM_EXECUTE_OPTION_VALID_FLAGS) return STATUS.INVALID_PARAMETER;
  const both = flags & (MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_ENABLE);
  if (both !== MEM_EXECUTE_OPTION_DISABLE && both !== MEM_EXECUTE_OPTION_ENABLE) {
    return STATUS.INVALID_PARAMETER;
  }
  const before = depIsOn(mitigations);
  mitigations.executeFlags = flags;
  if (before !== depIsOn(mitigations)) process.space.rightsChanged();
  return STATUS.SUCCESS;
}
