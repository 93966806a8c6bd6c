/** The trace while it grows: strace's lines, in step with what the program prints. */
import { closeSync } from 'node:fs';
import { callFamily, callsNamed, type Sandbox, straceText } from '../../index.js';
import type { Given } from '../arguments.js';
import { openOutput } from '../host/file.js';
import { printable, stderr, writeAll } from '../terminal/output.js';

interface Output {
  print(text: string): void;
}

export class LiveTrace {
  readonly #output: Output;
  /** As it was typed. */
  readonly #set: string | undefined;
  /** Families of calls to print; undefined for all. Signals and ends are printed in any case. */
  #calls: ReadonlySet<string> | undefined;
  #sandbox: Sandbox | undefined;
  /** Number of the next event. */
  #next = 0;

  constructor(output: Output, set?: string) {
    this.#output = output;
    this.#set = set;
  }

  /** @throws MayexecError for a call that programs of this world cannot make. */
  follow(sandbox: Sandbox): void {
    if (this.#set !== undefined) this.#calls = new Set(callsNamed(this.#set, sandbox));
    this.#sandbox = sandbox;
    sandbox.onTraceFull(() => this.catchUp());
    this.catchUp();
  }

  /** Prints what came since the last time. */
  catchUp(): void {
    const events = this.#sandbox?.trace ?? [];
    const first = events[0]?.seq ?? 0;
    const fresh = events.slice(Math.max(0, this.#next - first));
    if (fresh.length === 0) return;
    const calls = this.#calls;
    const shown = fresh.filter(
      (event) =>
        (event.type !== 'syscall' && event.type !== 'api') ||
        calls?.has(callFamily(event.name)) !== false,
    );
    this.#output.print(straceText(shown, events[0]?.pid));
    this.#next = first + events.length;
  }
}

/** `--trace[=CALLS]` and `--trace-out FILE`; undefined without either. */
export function traceOf({ values, switches }: Given): LiveTrace | undefined {
  const file = values.get('trace-out');
  if (!switches.has('trace') && file === undefined) return undefined;
  return new LiveTrace(file === undefined ? stderr : fileOutput(file), values.get('trace'));
}

function fileOutput(path: string): Output {
  const fd = openOutput(path);
  process.once('exit', () => closeSync(fd));
  return {
    print: (text) => writeAll(fd, new TextEncoder().encode(printable(text, false)), path),
  };
}
