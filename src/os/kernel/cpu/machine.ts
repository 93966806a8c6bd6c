/**
 * The machine: a CPU at privilege level 0 with RAM, page tables in it, an IDT and a few devices. Each stop of the
 * engine becomes what hardware makes of it: an exception through the IDT, an instruction that the engine leaves to
 * us, or the end.
 */
import type { Meter } from '../../../base/meter.js';
import type { Access, Fault, Outcome } from '../../../base/outcome.js';
import {
  type Engine,
  FAULT_GENERAL_PROTECTION,
  FAULT_NO_MEMORY,
  type Stop,
} from '../../../engine/engine.js';
import type { OutputSink } from '../../../kernel/output.js';
import type { StopHandler } from '../../../kernel/run-loop.js';
import { type PortDevices, Ports } from '../devices/ports.js';
import { BlockTimer, VECTOR_TIMER } from '../devices/timer.js';
import type { GuestMmu } from '../paging/mmu.js';
import { type CpuEvent, EventDelivery } from './delivery.js';
import { LinearMemory } from './linear.js';
import { Privileged } from './privileged.js';
import { hasErrorCode, VECTOR_DB, VECTOR_GP, VECTOR_PF, VECTOR_UD } from './vectors.js';

export interface MachineParts {
  readonly engine: Engine;
  readonly mmu: GuestMmu;
  readonly meter: Meter;
  readonly console: OutputSink;
  /** Told of each page fault. */
  readonly faulted: (fault: Fault, errorCode: number, byUser: boolean) => void;
  /** Behind a port of its own. */
  readonly service: PortDevices['service'];
}

/** Blocks between two looks while an interrupt waits for the guest to allow it. */
const POLL = 16;
const STI = 0xfb;
const INT3 = 0xcc;
/** `syscall`, `sysenter`. */
const CALL_BYTES = 2n;

export class KernelMachine implements StopHandler {
  readonly engine: Engine;
  readonly mmu: GuestMmu;
  readonly memory: LinearMemory;
  readonly #timer = new BlockTimer();
  readonly #meter: Meter;
  readonly #delivery: EventDelivery;
  readonly #privileged: Privileged;
  readonly #faulted: MachineParts['faulted'];
  #waited = 0;

  constructor({ engine, mmu, meter, console, faulted, service }: MachineParts) {
    this.engine = engine;
    this.#meter = meter;
    this.#faulted = faulted;
    this.mmu = mmu;
    this.memory = new LinearMemory(this.mmu);
    this.#delivery = new EventDelivery(engine, this.memory);
    const now = (): number => this.#now;
    const ports = new Ports({ console, timer: this.#timer, now, service });
    this.#privileged = new Privileged({ engine, mmu: this.mmu, memory: this.memory, ports });
  }

  spent(): number {
    return this.#meter.spent;
  }

  /** Blocks that may run before the timer has to be looked at. */
  get untilTick(): number {
    return Math.max(this.#timer.due - this.#now, POLL);
  }

  /** Returns what puts it back as it is; memory and registers are others' to save. */
  save(): () => void {
    const tlb = this.mmu.tlb.save();
    const timer = this.#timer.save(this.#now);
    return () => {
      tlb();
      timer(this.#now);
    };
  }

  /** The timer's moment: blocks, and those that `hlt` waited for. */
  get #now(): number {
    return this.spent() + this.#waited;
  }

  enter(): Outcome | undefined {
    if (this.#timer.due > this.#now || !this.#delivery.interruptsEnabled) return undefined;
    // The instruction after `sti` is not interrupted.
    if (this.memory.fetch(this.#pc - 1n, 1)[0] === STI) return undefined;
    this.#timer.taken(this.#now);
    this.#meter.charge('exception');
    return this.#deliver({ vector: VECTOR_TIMER, kind: 'external' });
  }

  /** 'sleeps': whoever lets it run looks at the timer again, which the stop may have set. */
  stopped(stop: Stop): Outcome | 'sleeps' {
    return this.#handle(stop) ?? 'sleeps';
  }

  #handle(stop: Stop): Outcome | undefined {
    this.#meter.charge('exception');
    switch (stop.kind) {
      case 'fault':
        return this.#fault(stop.address, stop.access, stop.cause);
      case 'exception':
        return this.#exception(stop.vector, stop.errorCode, stop.pc);
      case 'invalid-opcode':
        return this.#deliver({ vector: VECTOR_UD, kind: 'fault' });
      case 'interrupt': {
        // `icebp` asks no gate.
        if (stop.vector === VECTOR_DB) return this.#deliver({ vector: VECTOR_DB, kind: 'trap' });
        const length = this.memory.fetch(stop.pc - 1n, 1)[0] === INT3 ? 1n : 2n;
        const start = stop.pc - length;
        return this.#deliver({ vector: stop.vector, kind: 'software', start });
      }
      case 'syscall':
        // EFER.SCE is 0, and CPUID has no SYSENTER.
        this.engine.writeRegister('rip', stop.pc - CALL_BYTES);
        return this.#deliver({ vector: VECTOR_UD, kind: 'fault' });
      case 'halt':
        return this.#halt(stop.pc);
      default:
        return undefined;
    }
  }

  get #pc(): bigint {
    return this.engine.readRegister('rip');
  }

  #fault(address: bigint, access: Access, cause: number): Outcome | undefined {
    if (cause === FAULT_NO_MEMORY) return { kind: 'limit', limit: 'memory' };
    if (cause === FAULT_GENERAL_PROTECTION) {
      return this.#deliver({ vector: VECTOR_GP, kind: 'fault', errorCode: 0 });
    }
    const page = Number(address >> 12n);
    const { refused } = this.mmu;
    const rights = refused?.page === page ? refused.rights : { user: false, alignmentCheck: false };
    const resolved = this.mmu.resolve(page, access, rights);
    // The engine asked for less than the instruction needs, and that is there now.
    if (resolved.kind === 'page') return undefined;
    const { errorCode } = resolved;
    const code = errorCode & 1 ? 'SEGV_ACCERR' : 'SEGV_MAPERR';
    this.#faulted({ address, access, code, pc: this.#pc }, errorCode, rights.user);
    return this.#deliver({ vector: VECTOR_PF, kind: 'fault', errorCode, address });
  }

  #exception(vector: number, errorCode: number, pc: bigint): Outcome | undefined {
    const carried = vector === VECTOR_GP ? this.#privileged.carryOut(pc) : undefined;
    if (carried === 'done') return undefined;
    if (carried !== undefined) return 'vector' in carried ? this.#deliver(carried) : carried;
    // After a single step the program counter is at the next instruction.
    const kind = vector === VECTOR_DB ? 'trap' : 'fault';
    return this.#deliver({ vector, kind, ...(hasErrorCode(vector) ? { errorCode } : {}) });
  }

  /** With interrupts off, or none to come, nothing wakes it. */
  #halt(pc: bigint): Outcome | undefined {
    const { due } = this.#timer;
    if (!Number.isFinite(due) || !this.#delivery.interruptsEnabled) return { kind: 'halt', pc };
    this.#waited += Math.max(due - this.#now, 0);
    return undefined;
  }

  #deliver(event: CpuEvent): Outcome | undefined {
    const pc = this.#pc;
    const end = this.#delivery.deliver(event);
    return end === 'shutdown' ? { kind: 'triple-fault', pc } : undefined;
  }
}
