/**
 * A call with each instruction watched: the path that it took, what memory it touched, which way branches
 * went, and the duties of a convention that only show between instructions. Costs speed, so only when asked.
 */
import type { Addr, Arch } from '../../base/address.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import {
  type Disassembler,
  disassembler,
  type Instruction,
} from '../../toolchain/disassembly/disassembler.js';
import {
  accessesOf,
  type Decoded,
  decodeInstruction,
  type MemoryAccess,
} from '../../x86/memory-access.js';
import type { Convention } from '../abi/convention.js';
import type { Breach } from '../abi/duties.js';
import { StackWatch } from '../abi/stack-watch.js';
import type { Code } from '../bed/code.js';

/** More than a report can use. */
const KEPT = 200_000;

export interface TouchedMemory extends MemoryAccess {
  readonly pc: Addr;
}

/** An instruction with its text and what it does. */
export type DecodedInstruction = Instruction & Decoded;

/** How often a conditional branch went which way. */
export interface BranchCount {
  taken: number;
  fell: number;
}

export interface WatchedRun {
  /** Instructions begun; each repetition of a `rep` counts. */
  readonly instructions: number;
  /** Addresses in order; of a long run the first 200,000. */
  readonly path: readonly Addr[];
  /** In order, and as many at most. */
  readonly touched: readonly TouchedMemory[];
  /** How often each instruction was begun. */
  readonly counts: ReadonlyMap<Addr, number>;
  readonly branches: ReadonlyMap<Addr, BranchCount>;
  /** Alignment at calls of the code's own functions, and the red zone. */
  readonly breaches: readonly Breach[];
  /** Instructions that the run came by, by address. */
  readonly decoded: ReadonlyMap<Addr, DecodedInstruction>;
}

/** A call that can be made once more. */
export interface Watchable {
  readonly code: Code;
  readonly convention: Convention;
  rerun(observe: (sandbox: Sandbox) => (pc: Addr) => void): unknown;
}

export function watch(facts: Watchable): WatchedRun {
  let eye: Watcher | undefined;
  facts.rerun((sandbox) => {
    eye = new Watcher(sandbox, facts);
    return eye.observe;
  });
  const { instructions, path, touched, counts, branches, stack, decoded } =
    eye ?? new Watcher(undefined, facts);
  return {
    ...{ instructions, path, touched, counts, branches, decoded },
    breaches: stack.breaches,
  };
}

class Watcher {
  instructions = 0;
  readonly path: Addr[] = [];
  readonly touched: TouchedMemory[] = [];
  readonly counts = new Map<Addr, number>();
  readonly branches = new Map<Addr, BranchCount>();
  readonly decoded: Map<Addr, DecodedInstruction>;
  readonly stack: StackWatch;
  readonly #arch: Arch;
  readonly #sandbox: Sandbox | undefined;
  readonly #disassembler: Disassembler;
  #branch: DecodedInstruction | undefined;

  constructor(sandbox: Sandbox | undefined, { code, convention }: Watchable) {
    this.#sandbox = sandbox;
    this.#arch = code.arch;
    this.#disassembler = disassembler();
    this.decoded = new Map();
    this.stack = new StackWatch(convention, code);
  }

  readonly observe = (pc: Addr): void => {
    this.#resolveBranch(pc);
    this.instructions++;
    this.counts.set(pc, (this.counts.get(pc) ?? 0) + 1);
    if (this.path.length < KEPT) this.path.push(pc);
    const sandbox = this.#sandbox;
    const instruction = sandbox && this.#decode(sandbox, pc);
    if (sandbox === undefined || instruction === undefined) return;
    if (instruction.branchTarget !== undefined) this.#branch = instruction;
    const read = (name: string): bigint => sandbox.regs[name] ?? 0n;
    const accesses = accessesOf(instruction, read);
    this.stack.step(instruction, accesses, read(this.#arch === 'x86-64' ? 'rsp' : 'esp'));
    if (this.touched.length < KEPT) {
      for (const access of accesses) this.touched.push({ ...access, pc });
    }
  };

  #resolveBranch(pc: Addr): void {
    const branch = this.#branch;
    if (branch === undefined) return;
    this.#branch = undefined;
    const count = this.branches.get(branch.address) ?? { taken: 0, fell: 0 };
    this.branches.set(branch.address, count);
    if (pc === branch.branchTarget) count.taken++;
    else count.fell++;
  }

  /** Code may change under the same address: the bytes are compared. */
  #decode(sandbox: Sandbox, pc: Addr): DecodedInstruction | undefined {
    const known = this.decoded.get(pc);
    const bytes = readCode(sandbox, pc);
    if (known?.bytes.every((byte, at) => byte === bytes[at])) return known;
    const options = { arch: this.#arch, address: pc, count: 1 };
    const [instruction] = this.#disassembler.disassemble(bytes, options);
    if (instruction === undefined) return undefined;
    const decoded = decodeInstruction(instruction, this.#arch);
    this.decoded.set(pc, decoded);
    return decoded;
  }
}

const LONGEST = 15;

/** As many bytes as an instruction can have, fewer at the end of what is mapped. */
function readCode(sandbox: Sandbox, pc: Addr): Uint8Array {
  const inPage = 4096 - Number(pc & 0xfffn);
  const whole = inPage >= LONGEST ? undefined : sandbox.load(pc, LONGEST);
  if (whole instanceof Uint8Array) return whole;
  return sandbox.peek(pc, Math.min(LONGEST, inPage));
}
