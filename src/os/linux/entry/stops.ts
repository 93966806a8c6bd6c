/** What Linux makes of each stop of the CPU. */
import type { Outcome } from '../../../base/outcome.js';
import { FAULT_WATCHED, type Stop } from '../../../engine/engine.js';
import type { StopHandler } from '../../../kernel/run-loop.js';
import { translate } from '../mm/fault.js';
import type { Task } from '../process/task.js';
import { deliverPending } from '../signals/deliver.js';
import { raise, softwareInterrupt, VECTOR_UD } from '../signals/exceptions.js';
import { pageFault } from '../signals/page-fault.js';
import { performInstead } from './dispatch.js';
import { emulatePkru } from './pkru.js';
import { enterSyscall } from './syscall-entry.js';

/** Whoever watches has seen the access; it is made when the run goes on. */
function watched({ mm, pid }: Task, { address, access, pc }: Stop & { kind: 'fault' }): undefined {
  const answer = translate(mm, Number(address >> 12n), access);
  mm.watch?.reached(mm, access, address, answer, { pid, pc });
}

export class StopJudge implements StopHandler {
  readonly #task: Task;

  constructor(task: Task) {
    this.#task = task;
  }

  enter(): Outcome | undefined {
    return this.#task.outcome ?? deliverPending(this.#task);
  }

  stopped(stop: Stop): Outcome | 'sleeps' | undefined {
    const task = this.#task;
    const outcome = this.#judge(stop);
    if (outcome === 'sleeps') return task.outcome ?? outcome;
    if (outcome !== undefined && outcome.kind !== 'limit') task.end(outcome);
    return task.outcome ?? outcome;
  }

  spent(): number {
    return this.#task.kernel.meter.spent;
  }

  #judge(stop: Stop): Outcome | 'sleeps' | undefined {
    const task = this.#task;
    if (enterSyscall(task, stop)) return task.waiting || task.exited ? 'sleeps' : undefined;
    switch (stop.kind) {
      case 'fault':
        if (stop.cause === FAULT_WATCHED) return watched(task, stop);
        task.kernel.meter.charge('exception');
        return isRetried(task, stop) ? undefined : pageFault(task, stop);
      case 'interrupt':
        task.kernel.meter.charge('exception');
        return softwareInterrupt(task, stop);
      case 'exception':
        task.kernel.meter.charge('exception');
        raise(task, stop.vector, stop.errorCode);
        return undefined;
      case 'invalid-opcode':
        task.kernel.meter.charge('exception');
        if (emulatePkru(task)) return undefined;
        raise(task, VECTOR_UD, 0);
        return undefined;
      case 'syscall':
        // An instruction that this mode of the processor has not.
        task.kernel.meter.charge('exception');
        task.kernel.programCounter = stop.pc - 2n;
        raise(task, VECTOR_UD, 0);
        return undefined;
      default:
        return undefined;
    }
  }
}

/** Whoever stands between the guest and its kernel may do something about a fault, and have it tried again. */
function isRetried(task: Task, { address, access, pc }: Stop & { kind: 'fault' }): boolean {
  const { pid, abi, kernel } = task;
  const answer = kernel.faultInterceptor?.({
    pid,
    pc,
    address,
    access,
    perform: (name, ...args) => performInstead(task, abi, name, args),
  });
  return answer === 'retry';
}
