/** From steps to bytes: each step becomes a few instructions over the homes of its operands. */
import { ARGUMENTS } from './allocate.js';
import type { Bug } from './bugs.js';
import type { CallSite, CompiledFunction, CompileOptions } from './compiler.js';
import {
  type Alu,
  ELEMENT,
  Encoder,
  type Memory,
  type Place,
  R11,
  RAX,
  RCX,
  RDX,
  RSP,
  type Shift,
} from './encoder.js';
import { type Frame, frameOf } from './frame.js';
import { moveAtOnce } from './parallel-move.js';
import type { Operand, Step, StepList } from './steps.js';
import type { Arithmetic, IntegerType } from './syntax.js';

const SHIFTS: Readonly<Partial<Record<Arithmetic, Shift>>> = {
  '<<': 'shl',
  '>>': 'sar',
  '>>>': 'shr',
};
const SUMS: Readonly<Partial<Record<Arithmetic, Alu>>> = {
  '+': 'add',
  '-': 'sub',
  '&': 'and',
  '|': 'or',
  '^': 'xor',
};

type StepOf<Op extends Step['op']> = Extract<Step, { op: Op }>;
type Emitted = Omit<CompiledFunction, 'tree' | 'type'>;

export class Emitter {
  readonly #code = new Encoder();
  readonly #list: StepList;
  readonly #wide: boolean;
  readonly #bugs: readonly Bug[];
  readonly #turns: bigint | undefined;
  readonly #frame: Frame;
  readonly #callSites: CallSite[] = [];
  readonly #cells: Record<string, number[]> = {};

  constructor(list: StepList, type: IntegerType, { bugs = [], turns }: CompileOptions) {
    this.#list = list;
    this.#wide = type === 'i64';
    this.#bugs = bugs;
    this.#turns = turns;
    this.#frame = frameOf(list, turns !== undefined, bugs);
  }

  emit(): Emitted {
    const code = this.#code;
    code.label('entry');
    for (const register of this.#frame.saved) code.push(register);
    if (this.#frame.bytes > 0) code.aluConstant('sub', RSP, BigInt(this.#frame.bytes), true);
    const moves = this.#list.parameters.flatMap((virtual, index) => {
      const to = this.#home(virtual);
      return to === undefined ? [] : [{ to, from: ARGUMENTS[index]! }];
    });
    moveAtOnce(code, moves);
    for (const step of this.#list.steps) this.#step(step);
    if (this.#turns !== undefined) this.#counter(this.#turns);
    const bytes = code.finish();
    const symbols = Object.fromEntries(code.labels);
    return { bytes, symbols, callSites: this.#callSites, cells: this.#cells };
  }

  #step(step: Step): void {
    switch (step.op) {
      case 'constant':
        this.#result(step.to, (to) => this.#code.constant(to, step.value));
        break;
      case 'cell':
        this.#cell(step);
        break;
      case 'copy':
        this.#result(step.to, (to) => this.#load(to, step.from), [step.from]);
        break;
      case 'arithmetic':
        this.#arithmetic(step);
        break;
      case 'compare':
        this.#compare(step.left, step.right);
        this.#code.setWhen(step.operator, RAX);
        this.#result(step.to, (to) => this.#copy(to, RAX));
        break;
      case 'branch':
        this.#branch(step);
        break;
      case 'jump':
        this.#code.jump(step.label);
        break;
      case 'label':
        this.#code.label(step.label);
        break;
      case 'load':
        this.#element(step);
        break;
      case 'store':
        this.#storeElement(step);
        break;
      case 'call':
        this.#call(step);
        break;
      case 'root':
        this.#root(step);
        break;
      case 'return':
        this.#return(step);
    }
  }

  /** Undefined for what is never used. */
  #home(virtual: number): Place | undefined {
    const home = this.#frame.allocation.homes[virtual]!;
    if ('register' in home) return home.register;
    return home.slot < 0 ? undefined : this.#frame.slot(home.slot);
  }

  #place(virtual: number): Place {
    return this.#home(virtual)!;
  }

  /** All 64 bits of a home: in i32 functions the upper half of numbers means nothing. */
  #load(to: number, from: Operand): void {
    if (typeof from === 'bigint') this.#code.constant(to, from);
    else this.#copy(to, this.#place(from));
  }

  #copy(to: number, from: Place): void {
    if (from !== to) this.#code.move(to, from);
  }

  /** Computes in the home of the result, or in rax where that is memory or holds an operand needed later. */
  #result(virtual: number, compute: (to: number) => void, later: readonly Operand[] = []): void {
    const home = this.#place(virtual);
    const busy = later.some((each) => typeof each === 'number' && this.#place(each) === home);
    const to = typeof home === 'number' && !busy ? home : RAX;
    compute(to);
    if (to === home) return;
    if (typeof home === 'number') this.#code.move(home, to);
    else this.#code.store(home, to);
  }

  /** In a register: its own, or the one given. */
  #inRegister(operand: Operand, spare: number): number {
    const home = typeof operand === 'number' ? this.#place(operand) : spare;
    if (typeof home === 'number' && home !== spare) return home;
    this.#load(spare, operand);
    return spare;
  }

  #arithmetic(step: StepOf<'arithmetic'>): void {
    const { operator } = step;
    const shift = SHIFTS[operator];
    if (shift !== undefined) this.#shift(step, shift);
    else if (operator === '/' || operator === '%') this.#divide(step);
    else this.#sum(step, SUMS[operator]);
  }

  #shift({ to: virtual, left, right }: StepOf<'arithmetic'>, kind: Shift): void {
    if (typeof right === 'number') this.#load(RCX, right);
    this.#result(virtual, (to) => {
      this.#load(to, left);
      if (typeof right === 'number') this.#code.shiftByCl(kind, to, this.#wide);
      else this.#code.shift(kind, to, Number(right & (this.#wide ? 63n : 31n)), this.#wide);
    });
  }

  #divide({ operator, to: virtual, left, right }: StepOf<'arithmetic'>): void {
    const by = this.#factor(right);
    this.#load(RAX, left);
    this.#code.divide(by, this.#wide);
    this.#result(virtual, (to) => this.#copy(to, operator === '/' ? RAX : RDX));
  }

  /** A product where no sum is meant. */
  #sum(step: StepOf<'arithmetic'>, kind: Alu | undefined): void {
    const { to: virtual } = step;
    const [left, right] = this.#ordered(step, kind);
    const compute = (to: number): void => {
      this.#load(to, left);
      if (kind === undefined) this.#code.multiply(to, this.#factor(right), this.#wide);
      else if (typeof right === 'bigint') this.#code.aluConstant(kind, to, right, this.#wide);
      else this.#code.alu(kind, to, this.#place(right), this.#wide);
    };
    this.#result(virtual, compute, [right]);
  }

  /** What has the home of the result already comes first, where the order makes no difference. */
  #ordered(
    { to, left, right }: StepOf<'arithmetic'>,
    kind: Alu | undefined,
  ): readonly [Operand, Operand] {
    const swaps = kind !== 'sub' && typeof right === 'number' && typeof left === 'number';
    return swaps && this.#place(right) === this.#place(to) ? [right, left] : [left, right];
  }

  /** No constant: these instructions have no form for one. */
  #factor(operand: Operand): Place {
    return typeof operand === 'number' ? this.#place(operand) : this.#inRegister(operand, RCX);
  }

  #compare(left: Operand, right: Operand): void {
    if (typeof right === 'bigint') {
      const place = typeof left === 'number' ? this.#place(left) : this.#inRegister(left, RAX);
      this.#code.aluConstant('cmp', place, right, this.#wide);
    } else {
      this.#code.alu('cmp', this.#inRegister(left, RAX), this.#place(right), this.#wide);
    }
  }

  #branch({ operator, left, right, label, back = false }: StepOf<'branch'>): void {
    this.#compare(left, right);
    if (back && this.#turns !== undefined) this.#code.call('count');
    const off = back && this.#has('branch-off-by-one') ? 1 : 0;
    this.#code.jumpWhen(operator, label, off);
  }

  /** Called between a comparison and its jump: registers and flags have to stay. */
  #counter(turns: bigint): void {
    const code = this.#code;
    code.label('count');
    code.push(RAX);
    code.push(RCX);
    code.constant(RCX, turns);
    code.move(RAX, { base: RCX });
    if (this.#has('flags-clobbered')) code.aluConstant('add', RAX, 1n, true);
    else code.address(RAX, { base: RAX, displacement: 1 });
    code.store({ base: RCX }, RAX);
    code.pop(RCX);
    code.pop(RAX);
    code.ret();
  }

  #cell({ to: virtual, name }: StepOf<'cell'>): void {
    this.#result(virtual, (to) => {
      // Eight bytes that no other core can see half written.
      this.#code.align(8, 2);
      const at = this.#code.constant64(to, 0n);
      this.#cells[name] = [...(this.#cells[name] ?? []), at];
    });
  }

  #address(base: number, index: Operand, bytes: number): Memory {
    const from = this.#inRegister(base, RDX);
    if (typeof index === 'bigint') return { base: from, displacement: Number(index) * bytes };
    const scale = bytes as 1 | 2 | 4 | 8;
    if (this.#wide) return { base: from, index: this.#inRegister(index, RCX), scale };
    this.#code.signExtend(RCX, this.#place(index));
    return { base: from, index: RCX, scale };
  }

  #element({ to: virtual, base, index, element }: StepOf<'load'>): void {
    const from = this.#address(base, index, ELEMENT[element].bytes);
    const read = element === 'i32' && this.#has('wrong-sign-extension') ? 'u32' : element;
    this.#result(virtual, (to) => this.#code.loadElement(read, to, from));
  }

  #storeElement({ from, base, index, element }: StepOf<'store'>): void {
    const { bytes } = ELEMENT[element];
    const to = this.#address(base, index, bytes);
    const stored = bytes === 4 && this.#has('write-beyond-buffer') ? 8 : bytes;
    if (stored === 8 && !this.#wide && typeof from === 'number') {
      this.#code.signExtend(RAX, this.#place(from));
    } else this.#load(RAX, from);
    this.#code.storeElement(stored, to, RAX);
  }

  #call({ to: virtual, callee, pointer, args }: StepOf<'call'>): void {
    const code = this.#code;
    const moves = args.map((arg, index) => ({ to: ARGUMENTS[index]!, from: this.#source(arg) }));
    const through = pointer === undefined ? [] : [{ to: R11, from: this.#place(pointer) }];
    moveAtOnce(code, [...moves, ...through]);
    if (pointer !== undefined) code.callRegister(R11);
    else if (callee === 'self') code.call('entry');
    else this.#callSites.push({ offset: code.callElsewhere(), symbol: callee });
    this.#result(virtual, (to) => this.#copy(to, RAX));
  }

  #source(operand: Operand): Place | bigint {
    return typeof operand === 'number' ? this.#place(operand) : operand;
  }

  #root({ to: virtual, from }: StepOf<'root'>): void {
    const code = this.#code;
    const slot = this.#frame.slot(this.#frame.allocation.slots);
    if (this.#wide || typeof from === 'bigint') this.#load(RAX, from);
    else code.signExtend(RAX, this.#place(from));
    code.store(slot, RAX);
    code.x87Load(slot);
    code.x87Root();
    if (this.#has('x87-leak')) code.x87Duplicate();
    code.x87StoreAndPop(slot);
    this.#result(virtual, (to) => code.move(to, slot));
  }

  #return({ from }: StepOf<'return'>): void {
    const { bytes, saved } = this.#frame;
    this.#load(RAX, from);
    if (bytes > 0) this.#code.aluConstant('add', RSP, BigInt(bytes), true);
    for (const register of saved.toReversed()) this.#code.pop(register);
    this.#code.ret();
  }

  #has(bug: Bug): boolean {
    return this.#bugs.includes(bug);
  }
}
