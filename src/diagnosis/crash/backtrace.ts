/**
 * Who called whom, from the registers of a stopped process outwards. Call frame information counts first;
 * code without any (generated, or assembly) is left by its frame pointer or by the nearest word on the
 * stack that is a return address. Sources: System V ABI for x86-64 and i386 (register numbers, frames).
 */

import type { Addr } from '../../base/address.js';
import type { CallFrame, RegisterRule } from '../../formats/dwarf/call-frames.js';
import { type ExpressionMachine, evaluate } from '../../formats/dwarf/expression.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { checkSandbox } from '../../sandbox/sandbox-shape.js';
import { callBefore, LONGEST_CALL } from '../../x86/call-before.js';
import { type LoadedModule, moduleAt } from './modules.js';
import { peekUpTo } from './plain-cause.js';
import { interrupted, isSignalReturn, LONGEST_STUB } from './signal-frame.js';

export interface Frame {
  /** Of the innermost frame the instruction itself, of a caller where the call returns to. */
  readonly pc: Addr;
  /**
   * What told of it: the registers, call frame information, the frame of a signal, the return address of a call just
   * made, a frame pointer, or (`stack`) a word further out that looks like a return address and may be left over from an
   * earlier call.
   */
  readonly by:
    | 'registers'
    | 'call frame information'
    | 'signal frame'
    | 'top of stack'
    | 'frame pointer'
    | 'stack';
  readonly symbol?: string;
  /** Bytes behind the symbol. */
  readonly offset?: number;
  /** The program or library, as maps names it. */
  readonly module?: string;
  readonly file?: string;
  readonly line?: number;
}

const MOST_FRAMES = 64;
/** Words of the stack that are looked at for a return address. */
const SCANNED_WORDS = 64;

/** By DWARF register number. */
const NAMES = {
  'x86-64': [
    'rax',
    'rdx',
    'rcx',
    'rbx',
    'rsi',
    'rdi',
    'rbp',
    'rsp',
    'r8',
    'r9',
    'r10',
    'r11',
    'r12',
    'r13',
    'r14',
    'r15',
  ],
  i386: ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'],
} as const;
const NUMBERS = { 'x86-64': { fp: 6, sp: 7 }, i386: { fp: 5, sp: 4 } } as const;

/** One step outwards. */
interface Position {
  readonly pc: Addr;
  readonly by: Frame['by'];
  readonly registers: ReadonlyMap<number, Addr>;
  /** `pc` is behind a call, which may be the last instruction of its function. */
  readonly isReturn: boolean;
}

/** Innermost first, 64 at most; the first one alone where nothing is known of a caller. */
export function backtrace(sandbox: Sandbox): Frame[] {
  checkSandbox('backtrace', sandbox);
  const unwinder = new Unwinder(sandbox);
  const positions: Position[] = [];
  let next: Position | undefined = unwinder.first;
  while (next !== undefined && positions.length < MOST_FRAMES) {
    positions.push(next);
    next = unwinder.caller(next, positions.length === 1);
  }
  return named(sandbox, positions);
}

class Unwinder {
  readonly #sandbox: Sandbox;
  readonly #word: 4 | 8;
  readonly #fp: number;
  readonly #sp: number;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#word = sandbox.arch === 'x86-64' ? 8 : 4;
    const { fp, sp } = NUMBERS[sandbox.arch];
    this.#fp = fp;
    this.#sp = sp;
  }

  get first(): Position {
    const { arch, regs } = this.#sandbox;
    const registers = new Map(NAMES[arch].map((name, index) => [index, regs[name] ?? 0n]));
    const pc = regs[arch === 'x86-64' ? 'rip' : 'eip'] ?? 0n;
    return { pc, by: 'registers', registers, isReturn: false };
  }

  caller(position: Position, isInnermost: boolean): Position | undefined {
    const at = lookUp(position);
    const module = moduleAt(this.#sandbox, at);
    const frame = module?.file.frameAt(Number(at - module.bias));
    if (frame !== undefined) return this.#byInformation(position, frame);
    return (
      this.#bySignalFrame(position) ??
      (isInnermost ? this.#atTop(position) : undefined) ??
      this.#byFramePointer(position) ??
      this.#byScan(position)
    );
  }

  #byInformation(position: Position, frame: CallFrame): Position | undefined {
    const { registers } = position;
    const machine: ExpressionMachine = {
      register: (number) => registers.get(number),
      memory: (address) => this.#read(address),
    };
    const cfa = this.#cfaOf(frame, machine);
    if (cfa === undefined || cfa < (registers.get(this.#sp) ?? 0n)) return undefined;
    const pc = this.#apply(frame.registers.get(frame.returnAddress), cfa, machine, undefined);
    if (pc === undefined || pc === 0n) return undefined;
    const restored = new Map<number, Addr>();
    for (const [number, value] of registers) {
      const before = this.#apply(frame.registers.get(number), cfa, machine, value);
      if (before !== undefined) restored.set(number, before);
    }
    if (!frame.registers.has(this.#sp)) restored.set(this.#sp, cfa);
    const isReturn = !frame.isSignal && !isSignalReturn(this.#sandbox.arch, this.#stubAt(pc));
    return { pc, by: 'call frame information', registers: restored, isReturn };
  }

  #cfaOf({ cfa }: CallFrame, machine: ExpressionMachine): Addr | undefined {
    if ('expression' in cfa) return evaluate(cfa.expression, machine, this.#word);
    const base = machine.register(cfa.register);
    return base === undefined ? undefined : this.#wrap(base + BigInt(cfa.offset));
  }

  /** `same`: what the register holds when there is no rule. */
  #apply(
    rule: RegisterRule | undefined,
    cfa: Addr,
    machine: ExpressionMachine,
    same: Addr | undefined,
  ): Addr | undefined {
    switch (rule?.kind) {
      case undefined:
      case 'same':
        return same;
      case 'offset':
        return this.#read(cfa + BigInt(rule.offset));
      case 'value-offset':
        return this.#wrap(cfa + BigInt(rule.offset));
      case 'register':
        return machine.register(rule.register);
      case 'expression': {
        const address = evaluate(rule.expression, machine, this.#word, cfa);
        return address === undefined ? undefined : this.#read(address);
      }
      case 'value-expression':
        return evaluate(rule.expression, machine, this.#word, cfa);
      case 'undefined':
        return undefined;
    }
  }

  #bySignalFrame({ pc, registers }: Position): Position | undefined {
    const code = this.#stubAt(pc);
    const sp = registers.get(this.#sp) ?? 0n;
    const found = interrupted(this.#sandbox.arch, code, sp, (address) => this.#read(address));
    return found && { ...found, by: 'signal frame', isReturn: false };
  }

  /** A call that has just been made: to nowhere, or into code that has not pushed anything yet. */
  #atTop(position: Position): Position | undefined {
    const sp = position.registers.get(this.#sp) ?? 0n;
    return this.#returnTo(position, sp, 'top of stack');
  }

  #byFramePointer(position: Position): Position | undefined {
    const { registers } = position;
    const [fp, sp] = [registers.get(this.#fp) ?? 0n, registers.get(this.#sp) ?? 0n];
    if (fp < sp || fp % BigInt(this.#word) !== 0n || !this.#isSameMapping(fp, sp)) return undefined;
    const caller = this.#returnTo(position, fp + BigInt(this.#word), 'frame pointer');
    const before = this.#read(fp);
    if (caller === undefined || before === undefined) return undefined;
    return { ...caller, registers: new Map(caller.registers).set(this.#fp, before) };
  }

  #byScan(position: Position): Position | undefined {
    const sp = position.registers.get(this.#sp) ?? 0n;
    for (let index = 0; index < SCANNED_WORDS; index++) {
      const found = this.#returnTo(position, sp + BigInt(index * this.#word), 'stack');
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The caller whose return address lies at `address`, if one does. */
  #returnTo({ registers }: Position, address: Addr, by: Frame['by']): Position | undefined {
    const pc = this.#read(address);
    if (pc === undefined) return undefined;
    // A handler was never called: what it returns to stands behind no call.
    const isStub = isSignalReturn(this.#sandbox.arch, this.#stubAt(pc));
    if (!isStub && !isReturnAddress(this.#sandbox, pc)) return undefined;
    const sp = address + BigInt(this.#word);
    return { pc, by, registers: new Map(registers).set(this.#sp, sp), isReturn: !isStub };
  }

  #stubAt(pc: Addr): Uint8Array {
    return peekUpTo(this.#sandbox, pc, LONGEST_STUB);
  }

  #isSameMapping(a: Addr, b: Addr): boolean {
    const map = this.#sandbox.maps().find(({ start, end }) => start <= a && a < end);
    return map !== undefined && map.start <= b && b < map.end;
  }

  #read(address: Addr): Addr | undefined {
    const bytes = peekUpTo(this.#sandbox, this.#wrap(address), this.#word);
    if (bytes.length < this.#word) return undefined;
    return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  #wrap(value: bigint): Addr {
    return BigInt.asUintN(this.#word * 8, value);
  }
}

/** The call itself, for whatever is told by ranges of addresses. */
function lookUp({ pc, isReturn }: Position): Addr {
  return isReturn ? pc - 1n : pc;
}

/** In memory that may be executed, behind an instruction that could be the call. */
function isReturnAddress(sandbox: Sandbox, address: Addr): boolean {
  const map = sandbox.maps().find(({ start, end }) => start < address && address < end);
  if (map?.perms[2] !== 'x') return false;
  const room = address - map.start;
  const length = room < LONGEST_CALL ? Number(room) : LONGEST_CALL;
  return callBefore(peekUpTo(sandbox, address - BigInt(length), length)) > 0;
}

function named(sandbox: Sandbox, positions: readonly Position[]): Frame[] {
  const found = positions.map((position) => {
    const at = lookUp(position);
    const module = moduleAt(sandbox, at);
    return { position, module, at: module === undefined ? 0 : Number(at - module.bias) };
  });
  const lines = new Map(
    [...new Set(found.map(({ module }) => module?.file))].flatMap((file) => {
      const wanted = found.filter((each) => each.module?.file === file).map(({ at }) => at);
      return file === undefined ? [] : [[file, file.linesOf(wanted)] as const];
    }),
  );
  return found.map(({ position: { pc, by }, module, at }) => ({
    pc,
    by,
    ...(module === undefined ? {} : { module: module.path, ...symbolOf(module, pc, at) }),
    ...(module && lines.get(module.file)?.get(at)),
  }));
}

function symbolOf(
  { file, bias }: LoadedModule,
  pc: Addr,
  at: number,
): Pick<Frame, 'symbol' | 'offset'> {
  const symbol = file.symbolAt(at);
  if (symbol === undefined) return {};
  return { symbol: symbol.name, offset: Number(pc - bias) - symbol.start };
}
