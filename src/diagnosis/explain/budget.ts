/**
 * What all runs of one explanation may cost together. Blocks come first, so that the same program gets
 * the same explanation everywhere; wall time is the outer bound, for what blocks measure badly (code
 * that writes over itself is translated anew each time).
 */
import { MayexecError } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import type { SandboxOptions } from '../../sandbox/options.js';
import { finishedRun, type MeasuredRun, type RunHooks } from '../outcome/finished-run.js';

export interface ExplainLimits {
  /** Blocks of all runs together, 1 to 2^52; default 40,000,000. */
  readonly blocks?: number | undefined;
  /** Seconds of wall time, above 0, up to a day; default 10. What is untried because of it depends on the machine. */
  readonly seconds?: number | undefined;
  /** Bytes of guest memory of each run, and never more than the program's own limit; default 64 MiB. */
  readonly memory?: number | undefined;
}

export type Spent = keyof ExplainLimits;

const DEFAULTS = { blocks: 40_000_000, seconds: 10, memory: 64 << 20 };
const NAMES: OptionNames<ExplainLimits> = { blocks: true, seconds: true, memory: true };
const RANGES: Readonly<Record<keyof ExplainLimits, readonly [least: number, most: number]>> = {
  blocks: [1, 2 ** 52],
  seconds: [0, 86_400],
  memory: [64 << 10, 2 ** 31],
};

/** What opening a sandbox counts as. */
const RUN_BLOCKS = 20_000;
/** What a change of a call, or a fault that a remedy mends, counts as. */
const CHANGE_BLOCKS = 1_000;
/** The clock is looked at after so many blocks. */
const SLICE_BLOCKS = 100_000;
/** A remedy that needs so many times what the program took is none; short programs get some room. */
const TIMES_REFERENCE = 4;
/** Of all blocks, what the program itself may take at most, and what its run without a policy may. */
const REFERENCE_SHARE = 3 / 8;
const LEAST_BLOCKS = 1_000_000;

export type CheckedLimits = { readonly [name in keyof Required<ExplainLimits>]: number };

const OUT_OF_BLOCKS = { kind: 'limit', limit: 'blocks' } as const;

export class ExplainBudget {
  readonly limits: CheckedLimits;
  readonly #until: number;
  #left: number;
  #longest: number | undefined;

  constructor(limits: CheckedLimits) {
    this.limits = limits;
    this.#left = this.limits.blocks;
    this.#until = performance.now() + this.limits.seconds * 1000;
  }

  /** What ran out, if something has. */
  get spent(): 'blocks' | 'seconds' | undefined {
    if (this.#left <= 0) return 'blocks';
    return performance.now() >= this.#until ? 'seconds' : undefined;
  }

  /** A run of the program itself, by which the others are measured. */
  async reference(
    options: SandboxOptions,
    entry: string | undefined,
    ended?: RunHooks['ended'],
  ): Promise<MeasuredRun> {
    const run = await this.#run(
      options,
      entry,
      Math.ceil(this.limits.blocks * REFERENCE_SHARE),
      ended,
    );
    this.#longest = Math.max(this.#longest ?? 0, run.blocks);
    return run;
  }

  /** Undefined when the budget was spent before or meanwhile: what it came to until then says nothing. */
  async attempt(options: SandboxOptions, entry?: string): Promise<MeasuredRun | undefined> {
    if (this.spent !== undefined) return undefined;
    const most = Math.max(LEAST_BLOCKS, TIMES_REFERENCE * (this.#longest ?? 0));
    const run = await this.#run(options, entry, Math.min(most, this.#left));
    return this.spent === undefined ? run : undefined;
  }

  async #run(
    options: SandboxOptions,
    entry: string | undefined,
    most: number,
    ended?: RunHooks['ended'],
  ): Promise<MeasuredRun> {
    const { intercept, interceptFault, limits } = options;
    let changes = 0;
    let cut = false;
    const enough = (): boolean => {
      cut ||= changes * CHANGE_BLOCKS >= most || performance.now() >= this.#until;
      return cut;
    };
    // One slice only where a program cannot be let go on: a label that is called.
    const blocks = Math.max(1, entry === undefined ? Math.min(SLICE_BLOCKS, most) : most);
    const memory = Math.min(limits?.memory ?? this.limits.memory, this.limits.memory);
    const run = await finishedRun(
      {
        ...options,
        limits: { memory, blocks },
        intercept:
          intercept &&
          ((call) => {
            const made = enough() ? undefined : intercept(call);
            if (made !== undefined) changes++;
            return made;
          }),
        interceptFault:
          interceptFault &&
          ((fault) => {
            if (enough()) return undefined;
            changes++;
            return interceptFault(fault);
          }),
      },
      entry,
      {
        goesOn: (sofar) => sofar + changes * CHANGE_BLOCKS < most && !enough(),
        ...(ended === undefined ? {} : { ended }),
      },
    );
    const cost = run.blocks + changes * CHANGE_BLOCKS;
    this.#left -= cost + RUN_BLOCKS;
    // Without the changes that it was to have it ended in some way of its own.
    return { ...run, blocks: cost, ...(cut ? { outcome: OUT_OF_BLOCKS } : {}) };
  }
}

/** @throws MayexecError for an unknown limit, and for one out of its range. */
export function checkedLimits(given: ExplainLimits = {}): CheckedLimits {
  checkOptionNames('explain: limits', given, NAMES);
  const limits = { ...DEFAULTS };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const [least, most] = RANGES[name as keyof ExplainLimits];
    const whole = name === 'seconds' || Number.isSafeInteger(value);
    if (!whole || !(value >= least && value <= most)) {
      throw new MayexecError(
        `limits.${name} of explain is ${String(value)}: expected ${name === 'seconds' ? 'a number' : 'an integer'} from ${least} to ${most}`,
      );
    }
    limits[name as keyof ExplainLimits] = value;
  }
  return limits;
}
