/** The comparison itself: sequences against two runners, differences shrunk and made readable. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Arch } from '../../src/base/address.js';
import { cProgram } from './c-program.js';
import { type Precision, sameReport } from './compare.js';
import { formatSequence } from './format.js';
import type { Sequence } from './operation.js';
import type { SequenceReport } from './report.js';
import type { NumberedSequence } from './script.js';
import { shrink } from './shrink.js';
import { signature } from './signature.js';

export type Runner = (
  sequences: readonly NumberedSequence[],
) => SequenceReport[] | Promise<SequenceReport[]>;

export interface Difference {
  readonly sequence: NumberedSequence;
  readonly signature: string;
  readonly real: SequenceReport;
  readonly ours: SequenceReport;
}

export interface Judgement {
  readonly count: number;
  readonly differences: readonly Difference[];
}

export class Judge {
  readonly #arch: Arch;
  readonly #real: Runner;
  readonly #ours: Runner;
  readonly #precision: Precision;

  constructor(arch: Arch, real: Runner, ours: Runner, precision: Precision) {
    this.#arch = arch;
    this.#real = real;
    this.#ours = ours;
    this.#precision = precision;
  }

  async compare(sequences: readonly NumberedSequence[]): Promise<Judgement> {
    const real = await this.#real(sequences);
    const ours = await this.#ours(sequences);
    const differences: Difference[] = [];
    sequences.forEach((sequence, index) => {
      const [expected, got] = [real[index], ours[index]];
      if (expected === undefined || got === undefined)
        throw new Error(`no report of ${sequence.id}`);
      if (sameReport(expected, got, this.#precision, sequence.ops)) return;
      const kind = signature(sequence.ops, expected, got);
      differences.push({ sequence, signature: kind, real: expected, ours: got });
    });
    return { count: sequences.length, differences };
  }

  /** Shrinks one difference of each kind, up to `most`, and says everything about them. */
  async describe(differences: readonly Difference[], most = 5): Promise<string> {
    const kinds = new Map<string, Difference[]>();
    for (const one of differences) {
      kinds.set(one.signature, [...(kinds.get(one.signature) ?? []), one]);
    }
    const parts: string[] = [];
    for (const [kind, ones] of [...kinds].slice(0, most)) {
      const [first] = ones;
      if (first === undefined) continue;
      parts.push(`${ones.length} x ${kind}, for instance sequence ${first.sequence.id}:`);
      parts.push(await this.#shortest(first));
    }
    const rest = kinds.size - most;
    return [...parts, ...(rest > 0 ? [`and ${rest} other kinds`] : [])].join('\n');
  }

  async #shortest(difference: Difference): Promise<string> {
    const differs = async (candidates: readonly Sequence[]): Promise<boolean[]> => {
      const numbered = candidates.map((ops, id) => ({ id, ops }));
      const real = await this.#real(numbered);
      const ours = await this.#ours(numbered);
      return numbered.map(({ ops }, index) => {
        const [expected, got] = [real[index], ours[index]];
        if (expected === undefined || got === undefined) return false;
        return signature(ops, expected, got) === difference.signature;
      });
    };
    const ops = await shrink(difference.sequence.ops, differs);
    const [real] = await this.#real([{ id: 0, ops }]);
    const [ours] = await this.#ours([{ id: 0, ops }]);
    if (real === undefined || ours === undefined)
      throw new Error('the shrunk sequence gave no report');
    return `${formatSequence(ops, real, ours)}\nas a C program: ${this.#writeProgram(ops)}`;
  }

  #writeProgram(ops: Sequence): string {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mayexec-difference-'));
    const file = path.join(folder, 'judge.c');
    fs.writeFileSync(file, cProgram(this.#arch, ops));
    return file;
  }
}
