/** The boot option nx= of the system. */
import { Struct } from '../../base/struct.js';
import type { DepMode } from '../../policy/effects.js';
import type { Win32Process } from '../process/process.js';
import { KUSER_SHARED_DATA, NX_SUPPORT_POLICY } from '../process/shared-data.js';

export const DEP_MODES: readonly DepMode[] = ['alwaysoff', 'alwayson', 'optin', 'optout'];

/** GetSystemDEPPolicy: 0 to 3, in the order of DEP_MODES, from where the system publishes it. */
export function systemDepPolicy(process: Win32Process): number {
  const byte = process.space.vm.pages.peek(KUSER_SHARED_DATA + NX_SUPPORT_POLICY, 1);
  return byte === undefined ? 0 : new Struct(byte).u8(0);
}
