/**
 * Mitigations: what a process may do with code: DEP, from the boot option, the image's mark and the program's own
 * calls, and Arbitrary Code Guard. Microsoft: SetProcessDEPPolicy, SetProcessMitigationPolicy,
 * PROCESS_MITIGATION_DYNAMIC_CODE_POLICY; ProcessExecuteFlags as Wine 8.0 and Windows answer it.
 */

/** Bits of ProcessExecuteFlags (NtSetInformationProcess 0x22). */
export const MEM_EXECUTE_OPTION_DISABLE = 0x01;
export const MEM_EXECUTE_OPTION_ENABLE = 0x02;
export const MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION = 0x04;
export const MEM_EXECUTE_OPTION_PERMANENT = 0x08;
/** Handlers of 32-bit frames may lie where nothing may be executed. */
export const MEM_EXECUTE_OPTION_EXECUTE_DISPATCH_ENABLE = 0x10;
/** They may lie outside of images. */
export const MEM_EXECUTE_OPTION_IMAGE_DISPATCH_ENABLE = 0x20;
/** SEHOP is off. */
export const MEM_EXECUTE_OPTION_DISABLE_EXCEPTION_CHAIN_VALIDATION = 0x40;
export const MEM_EXECUTE_OPTION_VALID_FLAGS = 0x7f;

/** Of a process without DEP: its handlers may lie anywhere. */
export const WITHOUT_DEP =
  MEM_EXECUTE_OPTION_ENABLE |
  MEM_EXECUTE_OPTION_EXECUTE_DISPATCH_ENABLE |
  MEM_EXECUTE_OPTION_IMAGE_DISPATCH_ENABLE;

/** Bits of PROCESS_MITIGATION_DYNAMIC_CODE_POLICY. */
export const PROHIBIT_DYNAMIC_CODE = 1;
export const ALLOW_THREAD_OPT_OUT = 2;
export const ALLOW_REMOTE_DOWNGRADE = 4;
export const AUDIT_PROHIBIT_DYNAMIC_CODE = 8;

export interface Mitigations {
  /** ProcessExecuteFlags as they are now. */
  executeFlags: number;
  /** Thunks of the ATL library are run although they lie in memory without execute rights. */
  atlThunks: boolean;
  /** Handlers of 32-bit frames must be in their image's table, if it has one. */
  readonly safeSeh: boolean;
  /** The list of handlers must be whole before any is asked (32-bit). */
  readonly sehop: boolean;
  dynamicCode: number;
  /** The thread has opted out of ACG. */
  threadOptsOut: boolean;
}

/** DEP is on: a fetch needs an EXECUTE protection. */
export function depIsOn({ executeFlags }: Mitigations): boolean {
  return (executeFlags & MEM_EXECUTE_OPTION_ENABLE) === 0;
}

export function isPermanent({ executeFlags }: Mitigations): boolean {
  return (executeFlags & MEM_EXECUTE_OPTION_PERMANENT) !== 0;
}
