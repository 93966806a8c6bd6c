/**
 * An access that a page refuses: the stack grows, a guard page is used up, an ATL thunk is run; what is left is
 * EXCEPTION_ACCESS_VIOLATION, with 0 (read), 1 (write) or 8 (execute) and the address.
 */
import { STATUS } from '../../abi/windows/status.js';
import { type Addr, PAGE_SIZE_N, pageDown } from '../../base/address.js';
import type { Access } from '../../base/outcome.js';
import { isGuarded, useUpGuard } from '../../os/windows/memory/guard.js';
import { ProcessEnded } from '../calls/control.js';
import { performInstead } from '../calls/intercept.js';
import type { HostTask } from '../calls/task.js';
import { emulateAtlThunk } from '../dep/atl-thunks.js';
import { depIsOn } from '../dep/mitigations.js';
import type { Win32Process } from '../process/process.js';
import { growStack, isStackGuard } from '../process/stack.js';
import { raise } from './dispatch.js';

export function* memoryFault(
  process: Win32Process,
  address: Addr,
  access: Access,
  pc: Addr,
): HostTask<void> {
  const { space } = process;
  if (space.mend(address, access)) return;
  const page = Number(pageDown(address) / PAGE_SIZE_N);
  const isBelowTop = page < space.vm.top;
  if (isBelowTop && isGuarded(space.vm, page)) {
    const name = isStackGuard(process, address) ? 'stack growth' : 'guard page';
    process.system.caller = { pid: process.tracePid, name, pc, site: pc };
    if (growStack(process, address)) return;
    useUpGuard(space.vm, page);
    yield* raise(process, {
      // The last page of the stack is there for who handles this.
      code: isStackGuard(process, address) ? STATUS.STACK_OVERFLOW : STATUS.GUARD_PAGE_VIOLATION,
      address: pc,
      parameters: [accessNumber(process, access), address],
    });
    return;
  }
  if (access === 'exec' && runsThunk(process, pc)) return;
  if (isToBeRetried(process, address, access, pc)) return;
  const vma = space.mappingAt(address);
  const { cause, killed } = space.judgeFault(address, access, pc);
  process.system.trace.record({
    type: 'fault',
    pid: process.tracePid,
    pc,
    fault: { address, access, code: vma === undefined ? 'SEGV_MAPERR' : 'SEGV_ACCERR', pc },
    vma,
    ...(cause === undefined ? {} : { cause }),
  });
  if (killed !== undefined) throw new ProcessEnded(killed);
  yield* raise(process, {
    code: STATUS.ACCESS_VIOLATION,
    address: pc,
    parameters: [accessNumber(process, access), address],
  });
}

/** Whoever intercepts faults has made the access possible, or lets it be judged. */
function isToBeRetried(process: Win32Process, address: Addr, access: Access, pc: Addr): boolean {
  const answer = process.system.faultInterceptor?.({
    pid: process.tracePid,
    pc,
    address,
    access,
    perform: (name, ...given) => performInstead(process, name, given),
  });
  return answer === 'retry';
}

/** 8 is told only where the processor tells it: with NX in force. */
function accessNumber({ space }: Win32Process, access: Access): bigint {
  if (access === 'write') return 1n;
  return access === 'exec' && depIsOn(space.mitigations) ? 8n : 0n;
}

function runsThunk(process: Win32Process, pc: Addr): boolean {
  const { space, wide } = process;
  if (wide || !depIsOn(space.mitigations) || !space.mitigations.atlThunks) return false;
  return emulateAtlThunk(process, pc);
}
