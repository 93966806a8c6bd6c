/**
 * Page faults that the memory manager could not resolve: policies have their say, then a signal.
 * Compare arch/x86/mm/fault.c:bad_area_nosemaphore() and do_sigbus().
 */

import { FAULT_CODE, signalNumber } from '../../../abi/linux/signal.js';
import { type Addr, pageDown } from '../../../base/address.js';
import type { Access, Fault, FaultCode, Outcome } from '../../../base/outcome.js';
import { type Cause, causeOfVerdict } from '../../../base/verdict.js';
import {
  FAULT_BUS,
  FAULT_GENERAL_PROTECTION,
  FAULT_NO_MEMORY,
  FAULT_PKEY,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
  type FaultCause,
  type Stop,
} from '../../../engine/engine.js';
import { mappingOf } from '../mm/vmas/mapping.js';
import type { Vma } from '../mm/vmas/vma.js';
import { VM_ACCESS } from '../mm/vmas/vma.js';
import type { Task } from '../process/task.js';
import { killOutcome, raise, VECTOR_GP } from './exceptions.js';
import { logSegfault, unhandled } from './kernel-log.js';
import { faultInfo, type SignalInfo } from './siginfo.js';
import { emulateTrampoline } from './trampoline.js';

const VECTOR_PF = 14;

/** Bits of the page-fault error code. */
/** Of x86-64, with four-level paging. */
const TASK_SIZE_MAX = 0x7fff_ffff_f000n;
const PF_PROTECTION = 1;
const PF_WRITE = 2;
const PF_USER = 4;
const PF_INSTRUCTION = 16;
const PF_PKEY = 32;

type FaultStop = Stop & { kind: 'fault' };

const CODES: Partial<Record<FaultCause, FaultCode>> = {
  [FAULT_UNMAPPED]: 'SEGV_MAPERR',
  [FAULT_PROTECTION]: 'SEGV_ACCERR',
  [FAULT_PKEY]: 'SEGV_PKUERR',
  [FAULT_BUS]: 'BUS_ADRERR',
};

/** Sends the signal of a fault. An outcome: no handler may run. */
export function pageFault(task: Task, stop: FaultStop): Outcome | undefined {
  const { cause, address, access, pc } = stop;
  if (cause === FAULT_NO_MEMORY) return { kind: 'limit', limit: 'memory' };
  if (cause === FAULT_GENERAL_PROTECTION) return generalProtection(task, stop);
  if (access === 'exec' && emulateTrampoline(task)) return undefined;
  const code = CODES[cause] ?? 'SEGV_MAPERR';
  const vma = task.mm.find(address);
  const killed = judged(task, stop, vma, { address, access, code, pc });
  if (killed !== undefined) return killed;

  const errorCode = errorCodeOf(task, stop, vma);
  task.signals.trap = { number: VECTOR_PF, errorCode, address, access };
  const info = infoOf(code, address, vma);
  if (code !== 'BUS_ADRERR' && unhandled(task, info.signal)) logSegfault(task, address, errorCode);
  task.signals.force(info);
  return undefined;
}

/** Of a fetch behind the segment's end a policy may name the rule that put it there. */
function generalProtection(task: Task, stop: FaultStop): Outcome | undefined {
  const { address, access, pc } = stop;
  if (access === 'exec') {
    const vma = task.mm.find(address);
    // x86-64 has no such end: there it is an address that is not canonical.
    const fault = { address, access, code: 'SI_KERNEL', pc } as const;
    const killed = judged(task, stop, vma, task.arch === 'i386' ? fault : undefined);
    if (killed !== undefined) return killed;
  }
  raise(task, VECTOR_GP, 0);
  return undefined;
}

/** What policies say of an access that is refused. */
interface FaultJudgement {
  /** The rule that took the right away when the page got its rights, or else the one that a policy names now. */
  readonly cause: Cause | undefined;
  readonly killed: Outcome | undefined;
}

/** `note` is called before what the policies log. */
export function judgeFault(
  task: Task,
  { address, access, pc }: Pick<FaultStop, 'address' | 'access' | 'pc'>,
  note: (cause: Cause | undefined) => void = () => {},
): FaultJudgement {
  const { mm, kernel } = task;
  const vma = mm.find(address);
  const { ruling, report } = task.policies.consider(
    'fault',
    vma,
    address,
    access,
    task.policyFacts,
    {
      pc,
      stackPointer: kernel.stackPointer,
      byteAt: (at) => task.byteAt(at),
    },
  );
  const said = causeOfVerdict(ruling);
  const refuses = said?.kind === 'denied' || said?.kind === 'killed';
  const cause = refuses ? said : (mm.whoTook(address, access) ?? said);
  note(cause);
  report();
  const killed =
    ruling.kind === 'kill' ? killOutcome(task, ruling.signal, { address, access }) : undefined;
  return { cause, killed };
}

/** Records the fault, and the rule behind it. A policy may also kill. */
function judged(
  task: Task,
  stop: FaultStop,
  vma: Vma | undefined,
  fault: Fault | undefined,
): Outcome | undefined {
  const { mm, pid, kernel } = task;
  return judgeFault(task, stop, (cause) => {
    if (fault === undefined) return;
    // With the name that maps would print: [heap] and [stack] are known by their place only.
    const named = vma && mappingOf(vma, mm.nameOf(vma));
    const why = cause === undefined ? {} : { cause };
    kernel.record({ type: 'fault', pid, fault, vma: named, ...why });
  }).killed;
}

function infoOf(code: FaultCode, address: Addr, vma: Vma | undefined): SignalInfo {
  const { SIGSEGV, SIGBUS } = FAULT_CODE;
  if (code === 'BUS_ADRERR') return faultInfo(signalNumber('SIGBUS'), SIGBUS.BUS_ADRERR, address);
  const segv = signalNumber('SIGSEGV');
  if (code !== 'SEGV_PKUERR') return faultInfo(segv, SIGSEGV[code as 'SEGV_MAPERR'], address);
  return faultInfo(segv, SIGSEGV.SEGV_PKUERR, address, vma?.pkey ?? 0);
}

/** As the CPU pushes it. The fetch bit exists only where fetches are judged by a bit of their own. */
function errorCodeOf(
  task: Task,
  { address, access, cause }: FaultStop,
  vma: Vma | undefined,
): number {
  const mapped = cause !== FAULT_BUS && vma !== undefined && isPresent(task, address, vma);
  // Nobody learns which of the kernel's pages are there: sanitize_error_code().
  const present = mapped || address >= TASK_SIZE_MAX;
  return (
    PF_USER |
    (present ? PF_PROTECTION : 0) |
    (cause === FAULT_PKEY ? PF_PKEY : 0) |
    kindBits(access, task.mm.facts.nx)
  );
}

function kindBits(access: Access, nx: boolean): number {
  if (access === 'write') return PF_WRITE;
  return access === 'exec' && nx ? PF_INSTRUCTION : 0;
}

/** A page without any right has no present entry, whatever it holds. */
function isPresent({ mm }: Task, address: Addr, vma: Vma): boolean {
  if (!(vma.flags & VM_ACCESS)) return false;
  const resident = mm.mincore(pageDown(address), 4096n);
  return resident.ok && (resident.value[0] ?? 0) !== 0;
}
