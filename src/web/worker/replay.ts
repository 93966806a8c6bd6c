/**
 * A run in both directions. The guest is deterministic, so going back is restoring a snapshot and running forward again to
 * the place before. Snapshots are taken at the ends of slices of the run; old ones get sparser.
 *
 * A place is the number of instructions since the start.
 */
import type {
  Outcome,
  Pause,
  ResumeOptions,
  Sandbox,
  SandboxSnapshot,
} from '../../parts/sandbox.js';

interface Checkpoint {
  readonly place: number;
  readonly snapshot: SandboxSnapshot;
  readonly events: number;
  readonly end: Outcome | undefined;
}

/** Blocks: a slice must end while a person does not notice, and going back costs about one slice. */
const SLICE = 20_000;
const MOST_CHECKPOINTS = 64;

export class Replay {
  readonly #sandbox: Sandbox;
  /** By place; the first is the start. */
  #checkpoints: Checkpoint[];
  #place = 0;
  #end: Outcome | undefined;

  /** Of a sandbox that has not run yet. */
  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    sandbox.countInstructions(true);
    this.#checkpoints = [this.#checkpoint()];
  }

  /** How it ended, when it has at this place. */
  get end(): Outcome | undefined {
    return this.#end;
  }

  /** Instructions since the start. */
  get place(): number {
    return this.#place;
  }

  /** Events of the trace up to this place. */
  get events(): number {
    return this.#sandbox.dropped.events + this.#sandbox.trace.length;
  }

  /** One slice forward, or less: up to a breakpoint or the end. */
  slice(breakpoints: readonly bigint[] = []): Pause | Outcome {
    const stopped = this.#resume({ blocks: SLICE, breakpoints });
    this.#keep();
    return stopped;
  }

  /** One instruction forward; nothing at the end. */
  step(): void {
    if (this.#end === undefined) this.#resume({ instructions: 1 });
  }

  /** One instruction back; nothing at the start. */
  stepBack(): void {
    if (this.#place > 0) this.goTo(this.#place - 1);
  }

  /** To a place; to the end where the run has fewer instructions. */
  goTo(place: number): void {
    this.#restore(this.#before(({ place: at }) => at <= place));
    this.#forwardTo(place);
  }

  /** To right after the event `seq` of the trace, which has happened in this run before. */
  goToEvent(seq: number): void {
    const known = this.#checkpoints.find(({ events }) => events > seq)?.place;
    let low = this.#before(({ events }) => events <= seq);
    const passing = [low];
    this.#restore(low);
    let high = known ?? this.#placeBehind(seq);
    while (high - low.place > 1) {
      this.#restore(low);
      const middle = low.place + Math.floor((high - low.place) / 2);
      this.#forwardTo(middle);
      if (this.events > seq || this.#place < middle) {
        high = middle;
      } else {
        low = this.#checkpoint();
        passing.push(low);
      }
    }
    this.#restore(low);
    this.#forwardTo(high);
    for (const each of passing.slice(1)) this.#sandbox.discard(each.snapshot);
  }

  /**
   * To the last place before this one where the next instruction is at a breakpoint; where there is none it stays.
   * `goesOn` is asked between checkpoints.
   */
  async backTo(breakpoints: readonly bigint[], goesOn: () => Promise<boolean>): Promise<boolean> {
    const here = this.#place;
    let end = here;
    for (const from of this.#checkpoints.toReversed()) {
      if (from.place >= here) continue;
      if (!(await goesOn())) break;
      const hit = this.#lastHit(from, breakpoints, end);
      if (hit !== undefined) {
        this.goTo(hit);
        return true;
      }
      end = from.place;
    }
    this.goTo(here);
    return false;
  }

  #lastHit(from: Checkpoint, breakpoints: readonly bigint[], end: number): number | undefined {
    this.#restore(from);
    let last: number | undefined;
    const { arch, regs } = this.#sandbox;
    // A run does not stop at the instruction that it goes on with.
    const pc = arch === 'i386' ? regs.eip : regs.rip;
    if (pc !== undefined && breakpoints.includes(pc)) last = from.place;
    while (this.#end === undefined && this.#place < end) {
      const stopped = this.#resume({ breakpoints, instructions: end - this.#place });
      if (stopped.kind !== 'pause' || stopped.reason !== 'breakpoint') break;
      if (this.#place < end) last = this.#place;
    }
    return last;
  }

  /** Runs until the event has happened. */
  #placeBehind(seq: number): number {
    while (this.events <= seq && this.#end === undefined) this.#resume({ blocks: SLICE });
    return this.#place;
  }

  #forwardTo(place: number): void {
    while (this.#end === undefined && this.#place < place) {
      this.#resume({ instructions: place - this.#place });
    }
  }

  #before(holds: (checkpoint: Checkpoint) => boolean): Checkpoint {
    return this.#checkpoints.findLast(holds) ?? this.#checkpoints[0]!;
  }

  #resume(options: ResumeOptions): Pause | Outcome {
    const before = this.#sandbox.instructions;
    const stopped = this.#sandbox.resume(options);
    this.#place += this.#sandbox.instructions - before;
    this.#end = stopped.kind === 'pause' ? undefined : stopped;
    return stopped;
  }

  #checkpoint(): Checkpoint {
    const { events } = this;
    return { place: this.#place, snapshot: this.#sandbox.snapshot(), events, end: this.#end };
  }

  #restore({ place, snapshot, end }: Checkpoint): void {
    this.#sandbox.restore(snapshot);
    this.#place = place;
    this.#end = end;
  }

  /** Remembers this place. */
  #keep(): void {
    if (this.#checkpoints.some(({ place }) => place === this.#place)) return;
    this.#checkpoints.push(this.#checkpoint());
    this.#checkpoints.sort((a, b) => a.place - b.place);
    if (this.#checkpoints.length <= MOST_CHECKPOINTS) return;
    const old = this.#checkpoints.length / 2;
    const gone = this.#checkpoints.filter((_, index) => index % 2 === 1 && index < old);
    for (const { snapshot } of gone) this.#sandbox.discard(snapshot);
    this.#checkpoints = this.#checkpoints.filter((each) => !gone.includes(each));
  }
}
