/** kernel32: DEP and mitigation policies. Wine 8.0 answers most of these without looking; Windows as documented. */
import { ERROR, STATUS, win32Error } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { systemDepPolicy } from '../dep/dep-mode.js';
import { setExecuteFlags } from '../dep/execute-flags.js';
import {
  ALLOW_REMOTE_DOWNGRADE,
  ALLOW_THREAD_OPT_OUT,
  depIsOn,
  isPermanent,
  MEM_EXECUTE_OPTION_DISABLE,
  MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION,
  MEM_EXECUTE_OPTION_PERMANENT,
  PROHIBIT_DYNAMIC_CODE,
  WITHOUT_DEP,
} from '../dep/mitigations.js';
import { isSelf } from './self.js';

const PROCESS_DEP_ENABLE = 1;
const PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION = 2;

function getProcessDepPolicy(call: ApiCall): bigint {
  const { process, memory } = call;
  const { mitigations } = process.space;
  const windows = process.system.traits.os === 'windows';
  if (windows && process.wide) return call.fail(ERROR.NOT_SUPPORTED);
  if (!isSelf(call, 0)) return call.fail(ERROR.INVALID_HANDLE);
  const flags = mitigations.executeFlags;
  let told = 0;
  if (depIsOn(mitigations)) told |= PROCESS_DEP_ENABLE;
  if (flags & MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION) {
    told |= PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION;
  }
  if (call.word(1) !== 0n) memory.setU32(call.word(1), told);
  if (call.word(2) !== 0n) memory.setU32(call.word(2), isPermanent(mitigations) ? 1 : 0);
  return 1n;
}

function setProcessDepPolicy(call: ApiCall): bigint {
  const { process } = call;
  const { mitigations } = process.space;
  const windows = process.system.traits.os === 'windows';
  if (process.wide) return call.fail(windows ? ERROR.NOT_SUPPORTED : ERROR.INVALID_PARAMETER);
  const flags = call.dword(0);
  const known = PROCESS_DEP_ENABLE | PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION;
  if ((flags & ~known) !== 0 || flags === PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  if (isPermanent(mitigations)) return call.fail(ERROR.ACCESS_DENIED);
  if (!(flags & PROCESS_DEP_ENABLE)) {
    // Wine answers with an error whatever the state.
    if (!windows) return call.fail(ERROR.INVALID_PARAMETER);
    return call.status(setExecuteFlags(process, WITHOUT_DEP));
  }
  const thunks =
    flags & PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION
      ? MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION
      : 0;
  return call.status(
    setExecuteFlags(process, MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_PERMANENT | thunks),
  );
}

/** Bytes of each PROCESS_MITIGATION_POLICY's structure, from 0 on. ProcessMitigationOptionsMask (5) is two words. */
const POLICY_SIZES: Readonly<Record<number, number>> = { 0: 8, 5: 16 };
const MAX_POLICY = 19;
const PROCESS_DEP_POLICY = 0;
const OPTIONS_MASK = 5;
const DYNAMIC_CODE_POLICY = 2;

function isKnown(policy: number, size: bigint): boolean {
  return policy >= 0 && policy <= MAX_POLICY && size === BigInt(POLICY_SIZES[policy] ?? 4);
}

function getMitigationPolicy(call: ApiCall): bigint {
  const { process, memory } = call;
  // Wine has the function and looks at nothing.
  if (process.system.traits.os === 'wine') return 1n;
  const policy = call.int(1);
  if (!isSelf(call, 0)) return call.fail(ERROR.INVALID_HANDLE);
  const { mitigations } = process.space;
  if (policy === PROCESS_DEP_POLICY && process.wide) return call.fail(ERROR.NOT_SUPPORTED);
  const isMask = policy === OPTIONS_MASK && (call.word(3) === 8n || call.word(3) === 16n);
  if (!isMask && !isKnown(policy, call.word(3))) return call.fail(ERROR.INVALID_PARAMETER);
  const out = new Struct(Number(call.word(3)));
  if (policy === PROCESS_DEP_POLICY) {
    out.setU32(0, depIsOn(mitigations) ? 1 : 0).setU8(4, isPermanent(mitigations) ? 1 : 0);
  }
  if (policy === DYNAMIC_CODE_POLICY) out.setU32(0, mitigations.dynamicCode);
  memory.write(call.word(2), out.bytes);
  return 1n;
}

function setMitigationPolicy(call: ApiCall): bigint {
  const { process, memory } = call;
  if (process.system.traits.os === 'wine') return 1n;
  const policy = call.int(0);
  if (policy === PROCESS_DEP_POLICY && process.wide) return call.fail(ERROR.NOT_SUPPORTED);
  if (!isKnown(policy, call.word(2))) return call.fail(ERROR.INVALID_PARAMETER);
  const wanted = memory.tryRead(call.word(1), Number(call.word(2)));
  if (wanted === undefined) return call.fail(ERROR.NOACCESS);
  const value = new Struct(wanted).u32(0);
  const { mitigations } = process.space;
  if (policy === PROCESS_DEP_POLICY) return setDep(call, value);
  if (policy !== DYNAMIC_CODE_POLICY) {
    if (value !== 0) {
      process.system.note(
        `SetProcessMitigationPolicy: policy ${policy} is accepted and not enforced`,
      );
    }
    return 1n;
  }
  const now = mitigations.dynamicCode;
  // One way, but with the permission to go back.
  const weaker = (now & PROHIBIT_DYNAMIC_CODE) !== 0 && (value & PROHIBIT_DYNAMIC_CODE) === 0;
  if (weaker && !(now & ALLOW_REMOTE_DOWNGRADE)) return call.fail(ERROR.ACCESS_DENIED);
  mitigations.dynamicCode = value & 0xf;
  return 1n;
}

function setDep(call: ApiCall, value: number): bigint {
  const { process } = call;
  if (isPermanent(process.space.mitigations)) return call.fail(ERROR.ACCESS_DENIED);
  const dep = value & 1 ? MEM_EXECUTE_OPTION_DISABLE : WITHOUT_DEP;
  const thunks = value & 2 ? MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION : 0;
  return call.status(setExecuteFlags(process, dep | thunks));
}

const THREAD_DYNAMIC_CODE_POLICY = 2;

export const mitigationsApi: ApiSet = {
  GetSystemDEPPolicy: api('', (call) => systemDepPolicy(call.process)),
  GetProcessDEPPolicy: api('handle hProcess, out lpFlags, out lpPermanent', getProcessDepPolicy),
  SetProcessDEPPolicy: api('flags dwFlags', setProcessDepPolicy),
  GetProcessMitigationPolicy: api(
    'handle hProcess, int MitigationPolicy, out lpBuffer, size dwLength',
    getMitigationPolicy,
  ),
  SetProcessMitigationPolicy: api(
    'int MitigationPolicy, ptr lpBuffer, size dwLength',
    setMitigationPolicy,
  ),
  SetThreadInformation: api(
    'handle hThread, int ThreadInformationClass, ptr ThreadInformation, dword ThreadInformationSize',
    (call) => {
      const { process, memory } = call;
      // Wine has the function, says no, and sets no error.
      if (process.system.traits.os === 'wine') return 0n;
      if (call.int(1) !== THREAD_DYNAMIC_CODE_POLICY || call.dword(3) !== 4) {
        return call.fail(ERROR.INVALID_PARAMETER);
      }
      const { mitigations } = process.space;
      if (!(mitigations.dynamicCode & ALLOW_THREAD_OPT_OUT)) {
        return call.fail(win32Error(STATUS.ACCESS_DENIED));
      }
      mitigations.threadOptsOut = memory.u32(call.word(2)) !== 0;
      return 1n;
    },
  ),
};
