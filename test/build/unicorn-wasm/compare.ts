/** Compares two forms of the engine over sessions; keeps them in step, whole heap included. */
import type { UnicornModule } from '../../../src/engine/unicorn1/module.js';
import { type RunRecord, runSession, type SessionPlan, type SessionRecord } from './session.js';

export interface Difference {
  readonly plan: SessionPlan;
  readonly what: string;
}

export interface Form {
  readonly name: string;
  readonly load: () => Promise<UnicornModule>;
}

export class Comparison {
  readonly #forms: readonly [Form, Form];
  #modules: readonly [UnicornModule, UnicornModule] | undefined;
  /** What was compared, for the record. */
  readonly counts = { sessions: 0, runs: 0, hooks: 0, heaps: 0, gaveUp: 0 };
  /** How runs ended, by class and UC_ERR_*. */
  readonly results = new Map<string, number>();

  constructor(...forms: [Form, Form]) {
    this.#forms = forms;
  }

  async compare(plan: SessionPlan): Promise<Difference | undefined> {
    this.#modules ??= [await this.#forms[0].load(), await this.#forms[1].load()];
    const [a, b] = this.#modules;
    const what = this.#difference(plan, a, b);
    // After a difference the forms are no longer in step; after giving up they may not be called.
    if (what !== undefined) this.#modules = undefined;
    return what === undefined ? undefined : { plan, what };
  }

  #difference(plan: SessionPlan, first: UnicornModule, second: UnicornModule): string | undefined {
    const [a, b] = [runSession(first, plan), runSession(second, plan)];
    this.counts.sessions++;
    const what = sessionDifference(a, b);
    if (what !== undefined) return what;
    for (const run of a.runs) {
      this.counts.runs++;
      this.counts.hooks += run.hooks.length;
      const ending = `${plan.kind} ${typeof run.result === 'number' ? run.result : 'gave up'}`;
      this.results.set(ending, (this.results.get(ending) ?? 0) + 1);
    }
    if (a.gaveUp) {
      this.counts.gaveUp++;
      this.#modules = undefined;
      return undefined;
    }
    this.counts.heaps++;
    return heapDifference(first.heap, second.heap);
  }
}

export function sessionDifference(a: SessionRecord, b: SessionRecord): string | undefined {
  for (const [i, run] of a.runs.entries()) {
    const other = b.runs[i];
    const what = other ? runDifference(run, other) : 'the other form stopped before it';
    if (what !== undefined) return `run ${i}, code ${hex(run.code)}: ${what}`;
  }
  return a.runs.length === b.runs.length ? undefined : 'one form made fewer runs';
}

function runDifference(a: RunRecord, b: RunRecord): string | undefined {
  if (a.result !== b.result) return `result ${a.result} and ${b.result}`;
  const hook = a.hooks.findIndex((line, i) => line !== b.hooks[i]);
  if (hook >= 0 || a.hooks.length !== b.hooks.length)
    return `hook ${hook}: ${a.hooks[hook]} and ${b.hooks[hook]}`;
  for (const [name, value] of Object.entries(a.registers))
    if (value !== b.registers[name]) return `${name} ${value} and ${b.registers[name]}`;
  const at = firstDifference(a.cpu, b.cpu);
  return at < 0
    ? undefined
    : `CPU state at ${at}: ${hex(around(a.cpu, at))} and ${hex(around(b.cpu, at))}`;
}

function heapDifference(a: Uint8Array, b: Uint8Array): string | undefined {
  if (a.length !== b.length) return `heaps of ${a.length} and ${b.length} bytes`;
  if (Buffer.compare(a, b) === 0) return undefined;
  const at = firstDifference(a, b);
  return `heap at ${at}: ${hex(around(a, at))} and ${hex(around(b, at))}`;
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

const around = (bytes: Uint8Array, at: number): Uint8Array => bytes.subarray(at, at + 16);

export function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
