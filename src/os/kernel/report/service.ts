/**
 * What a kernel leaves to the machine when something went wrong: to tell of it as Linux does, and to say what comes of
 * it. asm/lib/kernel.inc asks by an `out` to REPORT_PORT: eax is the question, the other registers what it is about.
 */
import type { Outcome } from '../../../base/outcome.js';
import type { Engine } from '../../../engine/engine.js';
import type { KernelLog } from '../../../kernel/log.js';
import { PAGE_OFFSET, PHYSICAL } from '../boot/layout.js';
import {
  VECTOR_BP,
  VECTOR_DE,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_UD,
} from '../cpu/vectors.js';
import type { GuestMmu } from '../paging/mmu.js';
import { nonCanonicalAddress } from './access.js';
import { type BugEntry, bugAt } from './bugs.js';
import type { CommandLine } from './command-line.js';
import { ReportMemory } from './memory.js';
import {
  allRegisters,
  headLines,
  moduleLine,
  modulesOf,
  pageFaultLines,
  type ReportContext,
  type ReportedTask,
  traceLines,
} from './oops.js';
import { type SavedRegisters, savedRegisters } from './registers.js';
import type { SymbolNames } from './symbols.js';
import { short, word } from './text.js';
import type { VersionWords } from './versions.js';

export const REPORT_PORT = 0xed;
const EXCEPTION = 1;
const PRINTK = 2;
const WX_NOTICE = 3;
const PANIC = 4;
const TABLES = 5;
const USERCOPY = 6;
const UNTAINT = 7;

const SIGKILL = 128 + 9;
const SIGSEGV = 128 + 11;
const CR4_SMAP = 1n << 21n;
const LAST_USER = 0x7fff_ffff_f000n;
const MOST_TEXT = 512;
const PAGE = 4096n;
const CUT_HERE = '------------[ cut here ]------------';
const END_TRACE = '---[ end trace 0000000000000000 ]---';
const UD2_BYTES = 2n;
/** RIP in pt_regs of asm/lib/kernel.inc. */
const REGS_RIP = 136n;

const TRAPS: Readonly<Record<number, string>> = {
  [VECTOR_DE]: 'divide error',
  [VECTOR_BP]: 'int3',
  [VECTOR_UD]: 'invalid opcode',
  [VECTOR_GP]: 'general protection fault',
};

export interface ReportParts {
  readonly engine: Engine;
  readonly mmu: GuestMmu;
  readonly log: KernelLog;
  readonly words: VersionWords;
  readonly names: SymbolNames;
  readonly commandLine: CommandLine;
  /** Where the kernel's code is. */
  readonly codeRange: { readonly start: bigint; readonly end: bigint };
}

/** What the kernel told of itself. */
interface Tables {
  readonly bugs: { readonly start: bigint; readonly end: bigint };
  readonly modules: bigint;
  readonly idle: bigint;
}

interface State {
  readonly tables: Tables;
  readonly count: number;
  readonly taints: ReadonlySet<string>;
  readonly warnedOfWx: boolean;
  /** Loaded modules count as unsigned, until somebody clears the taints. */
  readonly modulesTaint: boolean;
  /** Registers of the first oops, which later ones repeat. */
  readonly summary: SavedRegisters | undefined;
}

/** How an oops ends. */
interface Death {
  readonly status: number;
  /** With interrupts off, which the last line says. */
  readonly irqsDisabled: boolean;
  /** No task's: the machine cannot go on. */
  readonly fatal: boolean;
}

export class ReportService {
  readonly #parts: ReportParts;
  readonly #memory: ReportMemory;
  #state: State = {
    tables: { bugs: { start: 0n, end: 0n }, modules: 0n, idle: 0n },
    count: 0,
    taints: new Set(),
    warnedOfWx: false,
    modulesTaint: true,
    summary: undefined,
  };

  constructor(parts: ReportParts) {
    this.#parts = parts;
    this.#memory = new ReportMemory(parts.mmu);
  }

  /** An outcome ends the machine. */
  serve(): Outcome | undefined {
    switch (Number(this.#read('eax'))) {
      case EXCEPTION:
        return this.#exception();
      case PRINTK:
        this.#print(...this.#text(this.#read('rdi')).split('\n'));
        return undefined;
      case WX_NOTICE:
        return this.#writableAndExecutable();
      case PANIC: {
        const text = this.#text(this.#read('rdi'));
        const context = this.#context(0n, false);
        const trace = traceLines(context, this.#current());
        return this.#panic(
          text,
          [...headLines(context), ...trace],
          `Kernel panic - not syncing: ${text}`,
        );
      }
      case TABLES: {
        const bugs = { start: this.#read('rdi'), end: this.#read('rsi') };
        const tables = { bugs, modules: this.#read('rdx'), idle: this.#read('rcx') };
        this.#state = { ...this.#state, tables };
        return undefined;
      }
      case UNTAINT:
        this.#state = { ...this.#state, taints: new Set(), modulesTaint: false };
        return undefined;
      case USERCOPY:
        this.#print(
          `usercopy: Kernel memory overwrite attempt detected to kernel text (offset ${this.#read('rdi')}, size ${this.#read('rsi')})!`,
        );
        return undefined;
      default:
        return undefined;
    }
  }

  /** Returns what puts it back. */
  save(): () => void {
    const state = this.#state;
    return () => {
      this.#state = state;
    };
  }

  #exception(): Outcome | undefined {
    const at = this.#read('rdi');
    const regs = savedRegisters(this.#memory, at);
    const vector = Number(this.#read('rdx'));
    const context = this.#context(this.#read('rsi'), this.#read('ecx') !== 0n);
    const { bugs } = this.#state.tables;
    const bug = vector === VECTOR_UD ? bugAt(this.#memory, bugs, regs.rip) : undefined;
    if (bug?.isWarning) {
      this.#memory.setWord(at + REGS_RIP, regs.rip + UD2_BYTES);
      this.#parts.engine.writeRegister('rax', 0n);
      return this.#warn(context, regs, bug);
    }
    if (bug !== undefined) this.#print(CUT_HERE, `kernel BUG at ${bug.file}:${bug.line}!`);
    const guard = this.#guardPage(context, vector);
    if (guard !== undefined) return this.#stackOverflow(context, regs, guard);
    if (vector === VECTOR_PF) return this.#pageFault(context, regs);
    const address = vector === VECTOR_GP ? nonCanonicalAddress(this.#memory, regs) : undefined;
    const what =
      address === undefined
        ? (TRAPS[vector] ?? (vector === VECTOR_DF ? 'double fault' : `exception ${vector}`))
        : `general protection fault, probably for non-canonical address 0x${address.toString(16)}`;
    const code = vector === VECTOR_GP ? Number(regs.code & 0xffffn) : 0;
    if (vector === VECTOR_DF) this.#print('PANIC: double fault, error_code: 0x0');
    const line = this.#die(context, regs, `${context.words.prefix}${what}`, code);
    const first = bug === undefined ? line : `kernel BUG at ${bug.file}:${bug.line}!`;
    // A breakpoint in the kernel is met as a non-maskable interrupt is.
    const fatal = vector === VECTOR_BP || vector === VECTOR_DF;
    return this.#end(context, first, { status: SIGSEGV, irqsDisabled: false, fatal }, regs);
  }

  #pageFault(context: ReportContext, regs: SavedRegisters): Outcome | undefined {
    const address = this.#read('cr2');
    const code = Number(regs.code & 0xffffn);
    const lines = pageFaultLines(context, address, code);
    this.#print(...lines);
    const prefix = context.words.prefix === '' ? 'Oops' : `${context.words.prefix}Oops`;
    this.#die(context, regs, prefix, code, address);
    // Without SMAP an access to a user address is handled with interrupts on.
    const smap = (this.#read('cr4') & CR4_SMAP) !== 0n;
    const irqsDisabled = address >= LAST_USER || smap || (code & 16) !== 0;
    const fault = { address, access: accessOf(code) } as const;
    const first = lines.find((line) => line.startsWith('BUG:')) ?? lines[0]!;
    return this.#end(context, first, { status: SIGKILL, irqsDisabled, fatal: false }, regs, fault);
  }

  #stackOverflow(
    context: ReportContext,
    regs: SavedRegisters,
    address: bigint,
  ): Outcome | undefined {
    const { stackStart, stackEnd } = context.task;
    const shown = (value: bigint): string => (context.words.hashed ? hashed(value) : word(value));
    const line = `BUG: TASK stack guard page was hit at ${shown(address)} (stack is ${shown(stackStart)}..${shown(stackEnd)})`;
    this.#print(line);
    this.#die(context, regs, `${context.words.prefix}stack guard page`, 0);
    return this.#end(context, line, { status: SIGSEGV, irqsDisabled: true, fatal: false }, regs);
  }

  /** Where the guard page of the task's stack was hit, if that is what happened. */
  #guardPage({ task }: ReportContext, vector: number): bigint | undefined {
    if (vector !== VECTOR_PF && vector !== VECTOR_DF) return undefined;
    const address = this.#read('cr2');
    return address < task.stackStart && address >= task.stackStart - PAGE ? address : undefined;
  }

  /** From the line with the counter to that before the last words. Returns it. */
  #die(
    context: ReportContext,
    regs: SavedRegisters,
    what: string,
    code: number,
    cr2?: bigint,
  ): string {
    const count = this.#state.count + 1;
    const summary = this.#state.summary ?? regs;
    const line = `${what}: ${short(code)} [#${count}]${context.words.preempt} ${this.#parts.commandLine.pti ? 'PTI' : 'NOPTI'}`;
    this.#print(
      line,
      ...headLines(context),
      ...allRegisters(context, regs),
      ...traceLines(context, regs),
      moduleLine(context),
      ...(cr2 === undefined ? [] : [`CR2: ${word(cr2)}`]),
      END_TRACE,
      ...allRegisters(context, summary),
    );
    const taints = new Set([...this.#state.taints, 'D']);
    this.#state = { ...this.#state, count, summary, taints };
    return line;
  }

  /** The writer dies, or the machine stops. */
  #end(
    { task, inInterrupt }: ReportContext,
    message: string,
    { status, irqsDisabled, fatal }: Death,
    { rip }: SavedRegisters,
    fault: { address: bigint; access: 'read' | 'write' | 'exec' } | undefined = undefined,
  ): Outcome | undefined {
    const oops = { kind: 'oops', message, pc: rip, ...fault } as const;
    if (fatal || inInterrupt) return this.#panic('Fatal exception in interrupt', [], message, oops);
    if (this.#parts.commandLine.panicOnOops)
      return this.#panic('Fatal exception', [], message, oops);
    if (task.pid === 0) return this.#panic('Attempted to kill the idle task!', [], message, oops);
    const who = `note: ${task.comm}[${task.pid}] exited with`;
    if (irqsDisabled) this.#print(`${who} irqs disabled`);
    if (task.preemptCount !== 0) this.#print(`${who} preempt_count ${task.preemptCount}`);
    this.#parts.engine.writeRegister('rax', BigInt(status));
    return undefined;
  }

  #warn(context: ReportContext, regs: SavedRegisters, bug: BugEntry): Outcome | undefined {
    const { task, words, names, modules } = context;
    const where = names.text(regs.rip, modules) ?? `0x${regs.rip.toString(16)}`;
    const place = `${bug.file}:${bug.line}`;
    this.#print(
      CUT_HERE,
      ...(bug.text === '' ? [] : [bug.text]),
      words.newWarning
        ? `WARNING: ${place} at ${where}, CPU#0: ${task.comm}/${task.pid}`
        : `WARNING: CPU: 0 PID: ${task.pid} at ${place} ${where}`,
      moduleLine(context),
      ...headLines(context),
      ...allRegisters(context, regs),
    );
    this.#print(...traceLines(context, regs));
    if (this.#parts.commandLine.panicOnWarn) {
      const text = 'kernel: panic_on_warn set ...';
      const trace = [...headLines(context), ...traceLines(context, regs)];
      return this.#panic(text, trace, `Kernel panic - not syncing: ${text}`);
    }
    this.#print(END_TRACE);
    this.#state = { ...this.#state, taints: new Set([...this.#state.taints, 'W']) };
    return undefined;
  }

  /** Once, as WARN_ONCE. */
  #writableAndExecutable(): Outcome | undefined {
    if (this.#state.warnedOfWx) return undefined;
    const [before, after, start] = [this.#read('rdi'), this.#read('rsi'), this.#read('rdx')];
    const frame = (after >> 12n) & 0xff_ffff_ffffn;
    const flags = (entry: bigint): string => word(entry & 0x8000_0000_0000_0fffn);
    const text = `CPA detected W^X violation: ${flags(before)} -> ${flags(after)} range: 0x${word(start)} - 0x${word(start | 0xfffn)} PFN ${frame.toString(16)}`;
    // Who protects nothing is not warned.
    if (this.#parts.commandLine.rodataOff) {
      this.#print(text);
      return undefined;
    }
    this.#state = { ...this.#state, warnedOfWx: true };
    const bug = { file: 'arch/x86/mm/pat/set_memory.c', line: 737, isWarning: true, text };
    return this.#warn(this.#context(0n, false), this.#current(), bug);
  }

  #panic(
    text: string,
    before: readonly string[],
    message: string,
    outcome: Outcome = { kind: 'oops', message, pc: this.#read('rip') },
  ): Outcome {
    const line = `Kernel panic - not syncing: ${text}`;
    const { panicTimeout } = this.#parts.commandLine;
    this.#print(line, ...before, 'Kernel Offset: disabled');
    if (panicTimeout > 0) this.#print(`Rebooting in ${panicTimeout} seconds..`);
    if (panicTimeout === 0) this.#print(`---[ end ${line} ]---`);
    return outcome;
  }

  /** `task`: 0 for the one that the kernel says is current; nobody, before it has one. */
  #context(task: bigint, inInterrupt: boolean): ReportContext {
    const { words, names, codeRange, engine, commandLine } = this.#parts;
    const modules = modulesOf(this.#memory, this.#state.tables.modules);
    const taints = new Set([
      ...this.#state.taints,
      ...(modules.length > 0 && this.#state.modulesTaint ? ['E'] : []),
    ]);
    return {
      memory: this.#memory,
      words,
      build: commandLine.preemptFull
        ? words.build.replace('PREEMPT(lazy)', 'PREEMPT(full)')
        : words.build,
      names,
      modules,
      taints,
      task: this.#task(task === 0n ? this.#currentTask() : task),
      inInterrupt,
      read: (name) => engine.readRegister(name),
      setCr2: (value) => engine.writeRegister('cr2', value),
      codeRange,
    };
  }

  /** The word before the idle task is the pointer to the current one. */
  #currentTask(): bigint {
    return this.#memory.word(this.#state.tables.idle - 8n);
  }

  #task(at: bigint): ReportedTask {
    const field = (offset: bigint): bigint => this.#memory.word(at + offset);
    const pid = Number(field(16n) & 0xffff_ffffn);
    // The idle task runs on the stack that the boot loader gave.
    const stackEnd = pid === 0 ? PAGE_OFFSET + BigInt(PHYSICAL.stackTop) : field(32n);
    return {
      comm: this.#memory.text(at, 16),
      pid,
      stackStart: pid === 0 ? stackEnd - 0x1_0000n : field(24n),
      stackEnd,
      flags: Number(field(40n) & 0xffn),
      preemptCount: Number(field(48n) & 0xffff_ffffn),
      work: field(56n),
    };
  }

  /** As they are at this `out`. */
  #current(): SavedRegisters {
    const names = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp'];
    const all = [...names, ...Array.from({ length: 8 }, (_, n) => `r${n + 8}`)];
    return {
      rip: this.#read('rip'),
      cs: this.#read('cs'),
      rflags: this.#read('rflags'),
      rsp: this.#read('rsp'),
      ss: this.#read('ss'),
      code: 0n,
      general: Object.fromEntries(all.map((name) => [name, this.#read(name)])),
    };
  }

  #read(name: string): bigint {
    return this.#parts.engine.readRegister(name);
  }

  #text(address: bigint): string {
    return this.#memory.text(address, MOST_TEXT);
  }

  #print(...lines: string[]): void {
    for (const line of lines) this.#parts.log.print(line);
  }
}

function accessOf(code: number): 'read' | 'write' | 'exec' {
  return code & 16 ? 'exec' : code & 2 ? 'write' : 'read';
}

/** Of no use to whoever wants the address, and the same each time. */
function hashed(address: bigint): string {
  const mixed = BigInt.asUintN(64, address * 0x9e37_79b9_7f4a_7c15n) >> 32n;
  return word(mixed);
}
