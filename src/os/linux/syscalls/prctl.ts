/** prctl. Compare kernel/sys.c:SYSCALL_DEFINE5(prctl). */
import {
  PR_GET_MDWE,
  PR_GET_NAME,
  PR_GET_RESTRICTED_WX,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  PR_SET_MDWE,
  PR_SET_NAME,
  PR_SET_RESTRICTED_WX,
} from '../../../abi/mman.js';
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
} from '../../../abi/process.js';
import { fail, ok } from '../../../abi/result.js';
import { Struct } from '../../../kernel/struct.js';
import { type SyscallArgs, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { cString, decodeText } from '../../../kernel/text.js';
import { copyStringIn, wordOut } from '../../../kernel/user-memory.js';
import { PR_JIT_WRITE_PROTECT } from '../../../policy/hardened-runtime.js';
import type { Abi } from '../abi.js';
import { COMM_LENGTH, type Task } from '../task.js';
import type { HandlerTable } from './handler.js';

const LAST_CAPABILITY = 40n;
const TIMER_SLACK = 50_000;
const MDWE_BITS = BigInt(PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT);

function prctl(task: Task, args: SyscallArgs, { word }: Abi): SyscallResult {
  const [option, arg2, arg3, arg4, arg5] = args;
  const rest = arg3 | arg4 | arg5;
  switch (uint(option)) {
    case PR_SET_NAME:
      return setName(task, arg2);
    case PR_GET_NAME:
      return task.mm.copyOut(arg2, new Struct(COMM_LENGTH).set(0, cString(task.comm)).bytes);
    case PR_SET_MDWE:
      return rest !== 0n ? fail('EINVAL') : setMdwe(task, arg2);
    case PR_GET_MDWE:
      return arg2 | rest ? fail('EINVAL') : ok(task.mm.mdwe);
    case PR_SET_RESTRICTED_WX:
      return setRestrictedWx(task, arg2, rest);
    case PR_GET_RESTRICTED_WX:
      if (!hasRestrictedWx(task) || arg2 | rest) return fail('EINVAL');
      return ok(task.mm.restrictedWx ? 1 : 0);
    case PR_JIT_WRITE_PROTECT:
      if (!task.policies.has('hardened-runtime') || arg2 > 1n || rest) return fail('EINVAL');
      task.mm.protectJit(arg2 === 1n);
      return ok(0);
    case PR_SET_NO_NEW_PRIVS:
      if (arg2 !== 1n || rest !== 0n) return fail('EINVAL');
      task.noNewPrivileges = true;
      return ok(0);
    case PR_GET_NO_NEW_PRIVS:
      return arg2 | rest ? fail('EINVAL') : ok(task.noNewPrivileges ? 1 : 0);
    case PR_SET_DUMPABLE:
      if (arg2 !== 0n && arg2 !== 1n) return fail('EINVAL');
      task.dumpable = Number(arg2);
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
      return ok(task.dumpable);
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

/** Compare kernel/sys.c:prctl_set_mdwe(), since 6.6. */
function setMdwe(task: Task, bits: bigint): SyscallResult {
  if (bits & ~MDWE_BITS) return fail('EINVAL');
  const wanted = Number(bits);
  if (wanted & PR_MDWE_NO_INHERIT && !(wanted & PR_MDWE_REFUSE_EXEC_GAIN)) return fail('EINVAL');
  const { mm } = task;
  if (mm.mdwe !== 0 && mm.mdwe !== wanted) return fail('EPERM');
  mm.mdwe = wanted;
  return ok(0);
}

/** The proposal of 2014: only a kernel that has it knows the option. */
function hasRestrictedWx(task: Task): boolean {
  return task.policies.has('restricted-wx');
}

/** One way: it is set, never taken back. */
function setRestrictedWx(task: Task, value: bigint, rest: bigint): SyscallResult {
  if (!hasRestrictedWx(task) || rest !== 0n) return fail('EINVAL');
  if (value === 0n) return task.mm.restrictedWx ? fail('EPERM') : ok(0);
  if (value !== 1n) return fail('EINVAL');
  task.mm.restrictedWx = true;
  return ok(0);
}

export const prctlCalls: HandlerTable = { prctl };
