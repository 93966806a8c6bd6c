/**
 * Which instructions of a code ran, and which way each conditional branch went, over any number of calls.
 * A branch is covered when it was taken and when it was not.
 */
import type { Addr } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Instruction } from '../../toolchain/disassembly/disassembler.js';
import { formatListing } from '../../toolchain/disassembly/listing.js';
import { decodeInstruction } from '../../x86/memory-access.js';
import type { Code } from '../bed/code.js';
import type { CallResult } from '../run/call-result.js';
import { instructionsOf } from './code-listing.js';
import type { BranchCount } from './watch.js';

export interface CoverageTotals {
  readonly instructions: number;
  readonly instructionsRun: number;
  /** Two for each conditional branch. */
  readonly directions: number;
  readonly directionsTaken: number;
}

export class Coverage {
  #code: Code | undefined;
  #instructions: readonly Instruction[] = [];
  readonly #counts = new Map<Addr, number>();
  readonly #branches = new Map<Addr, BranchCount>();

  /**
   * Adds what a call ran, by running it once more with each instruction watched.
   * @throws MayexecError for a call of other code than the first.
   */
  add(result: CallResult): void {
    const { code } = result.facts;
    if (this.#code === undefined) {
      this.#code = code;
      this.#instructions = instructionsOf(code);
    } else if (this.#code !== code && !sameCode(this.#code, code)) {
      throw new MayexecError('coverage is of one code: this result is of another');
    }
    const { counts, branches } = result.watched();
    for (const [pc, count] of counts) this.#counts.set(pc, (this.#counts.get(pc) ?? 0) + count);
    for (const [pc, { taken, fell }] of branches) {
      const known = this.#branches.get(pc) ?? { taken: 0, fell: 0 };
      this.#branches.set(pc, { taken: known.taken + taken, fell: known.fell + fell });
    }
  }

  get totals(): CoverageTotals {
    const conditional = this.#instructions.filter((each) => this.#isConditional(each));
    const ways = conditional.map(({ address }) => this.#branches.get(address));
    return {
      instructions: this.#instructions.length,
      instructionsRun: this.#instructions.filter(({ address }) => this.#counts.has(address)).length,
      directions: 2 * conditional.length,
      directionsTaken: ways.reduce(
        (sum, way) => sum + Number((way?.taken ?? 0) > 0) + Number((way?.fell ?? 0) > 0),
        0,
      ),
    };
  }

  /** True when every instruction ran and every conditional branch went both ways. */
  get complete(): boolean {
    const { instructions, instructionsRun, directions, directionsTaken } = this.totals;
    return instructions === instructionsRun && directions === directionsTaken;
  }

  /** The listing; before each instruction how often it ran, behind a branch the way that it never went. */
  listing(): string[] {
    const counts = this.#instructions.map(({ address }) => this.#counts.get(address) ?? 0);
    const width = String(counts.reduce((most, count) => Math.max(most, count), 0)).length;
    const lines = formatListing(this.#instructions, { symbols: this.#code?.symbols ?? new Map() });
    let next = 0;
    return lines.map((line) => {
      const instruction = line.startsWith('   ') ? this.#instructions[next++] : undefined;
      if (instruction === undefined) return line;
      const count = counts[next - 1]! > 0 ? String(counts[next - 1]) : '-';
      const missed = this.#missed(instruction);
      const note = missed === undefined ? '' : `  <- ${missed}`;
      return `${count.padStart(width)}  ${line.slice(3)}${note}`;
    });
  }

  #missed(instruction: Instruction): string | undefined {
    const ways = this.#branches.get(instruction.address);
    if (!this.#isConditional(instruction) || ways === undefined) return undefined;
    if (ways.taken > 0 && ways.fell > 0) return undefined;
    return ways.taken > 0 ? 'always taken' : 'never taken';
  }

  #isConditional(instruction: Instruction): boolean {
    const arch = this.#code?.arch ?? 'x86-64';
    return decodeInstruction(instruction, arch).branchTarget !== undefined;
  }
}

/** Bytes are made into code anew for each call. */
function sameCode(one: Code, other: Code): boolean {
  return (
    one.parts.length === other.parts.length &&
    one.parts.every(({ address, bytes }, index) => {
      const part = other.parts[index]!;
      return (
        address === part.address &&
        bytes.length === part.bytes.length &&
        bytes.every((byte, at) => byte === part.bytes[at])
      );
    })
  );
}
