/** prctl. Compare kernel/sys.c:SYSCALL_DEFINE5(prctl). */
import {
  PR_GET_MDWE,
  PR_GET_NAME,
  PR_GET_RESTRICTED_WX,
  PR_SET_MDWE,
  PR_SET_NAME,
  PR_SET_RESTRICTED_WX,
} from '../../../abi/linux/mman.js';
import {
  PR_CAPBSET_READ,
  PR_GET_DUMPABLE,
  PR_GET_KEEPCAPS,
  PR_GET_NO_NEW_PRIVS,
  PR_GET_PDEATHSIG,
  PR_GET_SECCOMP,
  PR_GET_TID_ADDRESS,
  PR_GET_TIMERSLACK,
  PR_SET_DUMPABLE,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_TIMERSLACK,
} from '../../../abi/linux/process.js';
import { fail, ok } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { cString, decodeText } from '../../../base/text.js';
import { type SyscallArgs, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { copyStringIn, wordOut } from '../../../kernel/user-memory.js';
import { PR_JIT_WRITE_PROTECT } from '../../../policy/apple/hardened-runtime.js';
import { prctlMdwe } from '../../../policy/linux/mdwe.js';
import { prctlRestrictedWx } from '../../../policy/linux/restricted-wx.js';
import type { Abi } from '../abi.js';
import { COMM_LENGTH, type Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';

const LAST_CAPABILITY = 40n;
const TIMER_SLACK = 50_000;

function prctl(task: Task, args: SyscallArgs, { word }: Abi): SyscallResult {
  const [option, arg2, arg3, arg4, arg5] = args;
  const rest = arg3 | arg4 | arg5;
  switch (uint(option)) {
    case PR_SET_NAME:
      return setName(task, arg2);
    case PR_GET_NAME:
      return task.mm.copyOut(arg2, new Struct(COMM_LENGTH).set(0, cString(task.comm)).bytes);
    case PR_SET_MDWE:
    case PR_GET_MDWE:
      return mdwe(task, uint(option), [arg2, arg3, arg4, arg5]);
    case PR_SET_RESTRICTED_WX:
    case PR_GET_RESTRICTED_WX:
      return restrictedWx(task, uint(option), [arg2, arg3, arg4, arg5]);
    case PR_JIT_WRITE_PROTECT:
      if (!task.policies.has('hardened-runtime') || arg2 > 1n || rest) return fail('EINVAL');
      task.mm.protectJit(arg2 === 1n);
      return ok(0);
    case PR_SET_NO_NEW_PRIVS:
      if (arg2 !== 1n || rest !== 0n) return fail('EINVAL');
      task.process.noNewPrivileges = true;
      return ok(0);
    case PR_GET_NO_NEW_PRIVS:
      return arg2 | rest ? fail('EINVAL') : ok(task.process.noNewPrivileges ? 1 : 0);
    case PR_SET_DUMPABLE:
      if (arg2 !== 0n && arg2 !== 1n) return fail('EINVAL');
      task.process.dumpable = Number(arg2);
      return ok(0);
    case PR_GET_TID_ADDRESS:
      return wordOut(task.mm, arg2, word, task.clearChildTid);
    default:
      return answer(task, uint(option), arg2);
  }
}

/** Options that only tell something, or change nothing that a program could see. */
function answer(task: Task, option: number, arg2: bigint): SyscallResult {
  switch (option) {
    case PR_GET_DUMPABLE:
      return ok(task.process.dumpable);
    case PR_GET_SECCOMP:
    case PR_GET_KEEPCAPS:
    case PR_SET_TIMERSLACK:
      return ok(0);
    case PR_GET_TIMERSLACK:
      return ok(TIMER_SLACK);
    case PR_GET_PDEATHSIG:
      return wordOut(task.mm, arg2, 4, 0n);
    case PR_CAPBSET_READ:
      return arg2 > LAST_CAPABILITY ? fail('EINVAL') : ok(1);
    default:
      return fail('EINVAL');
  }
}

function setName(task: Task, addr: bigint): SyscallResult {
  const name = copyStringIn(task.mm, addr, COMM_LENGTH - 1);
  if (!name.ok) return name;
  task.comm = decodeText(name.value.bytes);
  return ok(0);
}

/** The policy has the rules, by the version of the kernel. */
function mdwe({ mm, policies }: Task, option: number, args: readonly bigint[]): SyscallResult {
  const result = prctlMdwe(option, args, mm.mdwe, policies.effects.mdweKernel);
  if (result?.ok && option === PR_SET_MDWE) mm.mdwe = Number(args[0]);
  return result ?? fail('EINVAL');
}

/** The proposal of 2014: only a kernel that has it knows the option. */
function restrictedWx(
  { mm, policies }: Task,
  option: number,
  args: readonly bigint[],
): SyscallResult {
  if (!policies.has('restricted-wx')) return fail('EINVAL');
  const result = prctlRestrictedWx(option, args, mm.restrictedWx);
  if (result?.ok && option === PR_SET_RESTRICTED_WX) mm.restrictedWx = args[0] === 1n;
  return result ?? fail('EINVAL');
}

export const prctlCalls: HandlerTable = { prctl };
