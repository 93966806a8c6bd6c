/** Injector: counts the calls of one sandbox and does to them what its injections say. */

import { callFamily } from '../abi/linux/call-set.js';
import { MAP_FIXED, MAP_FIXED_NOREPLACE } from '../abi/linux/mman.js';
import type { Addr } from '../base/address.js';
import { aNumber, checkShape, objectOf, optional } from '../base/shape.js';
import type { InterceptedCall, Interception } from '../kernel/intercept.js';
import { type Saved, saved } from '../kernel/snapshot.js';
import { type CallInjection, type Injection, isDue } from './injection.js';

/** What came of one injection so far. */
export interface InjectionCount {
  /** As it was written. */
  readonly injection: string;
  /** Calls that it names. */
  readonly calls: number;
  /** Those that it did something to; undefined for a limit, which nothing counts. */
  readonly injected: number | undefined;
}

const COUNT = objectOf(
  { calls: aNumber, injected: optional(aNumber) },
  'one of sandbox.injections',
);

interface Tally {
  readonly calls: number;
  readonly injected: number;
}

const NOTHING: Tally = { calls: 0, injected: 0 };

export class Injector {
  readonly #injections: readonly Injection[];
  /** Invocations by injection, process and call: strace counts each tracee's calls apart, and each name. */
  #invocations = new Map<string, number>();
  #tallies = new Map<Injection, Tally>();

  constructor(injections: readonly Injection[]) {
    this.#injections = injections;
  }

  /** Every injection counts every call; the first one that is due decides. */
  intercept(call: InterceptedCall): Interception | undefined {
    let decided: Interception | undefined;
    for (const injection of this.#injections) {
      if (injection.kind !== 'call' || !injection.calls.includes(callFamily(call.name))) continue;
      const due = this.#count(injection, call);
      const made = due && decided === undefined ? interceptionOf(injection, call) : undefined;
      const { calls, injected } = this.#tallies.get(injection) ?? NOTHING;
      const more = made === undefined ? 0 : 1;
      this.#tallies.set(injection, { calls: calls + 1, injected: injected + more });
      decided ??= made;
    }
    return decided;
  }

  get counts(): InjectionCount[] {
    return this.#injections.map((injection) => {
      const { calls, injected } = this.#tallies.get(injection) ?? NOTHING;
      const counted = injection.kind === 'call' ? injected : undefined;
      return { injection: injection.text, calls, injected: counted };
    });
  }

  save(): Saved {
    const invocations = new Map(this.#invocations);
    const tallies = new Map(this.#tallies);
    return saved(() => {
      this.#invocations = new Map(invocations);
      this.#tallies = new Map(tallies);
    });
  }

  #count(injection: CallInjection, { pid, name }: InterceptedCall): boolean {
    const key = `${this.#injections.indexOf(injection)} ${pid} ${callFamily(name)}`;
    const nth = (this.#invocations.get(key) ?? 0) + 1;
    this.#invocations.set(key, nth);
    return isDue(injection.when, nth);
  }
}

function interceptionOf(
  { effect }: CallInjection,
  call: InterceptedCall,
): Interception | undefined {
  switch (effect.kind) {
    case 'error':
      return { kind: 'fail', errno: effect.errno };
    case 'failure':
      return { kind: 'fail', error: effect.error };
    case 'retval':
      return { kind: 'answer', value: effect.value };
    case 'ignore-hint':
      return call.args.length === 1 ? withoutOldHint(call) : withoutHint(call);
  }
}

/** A fixed address is no hint. */
function isHint(address: Addr, flags: bigint): boolean {
  return address !== 0n && (Number(flags & 0xffff_ffffn) & (MAP_FIXED | MAP_FIXED_NOREPLACE)) === 0;
}

function withoutHint({ args }: InterceptedCall): Interception | undefined {
  const [address = 0n, , , flags = 0n] = args;
  return isHint(address, flags) ? { kind: 'change', args: [0n] } : undefined;
}

/** i386's call of old finds its six arguments in memory, which is the guest's: mmap2 is made instead. */
function withoutOldHint({ args, read }: InterceptedCall): Interception | undefined {
  const bytes = read(args[0] ?? 0n, 24);
  if (bytes === undefined) return undefined;
  const words = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (index: number): bigint => BigInt(words.getUint32(4 * index, true));
  if (!isHint(word(0), word(3)) || word(5) % 4096n !== 0n) return undefined;
  const given = [0n, word(1), word(2), word(3), word(4), word(5) / 4096n];
  return { kind: 'change', name: 'mmap2', args: given };
}

/** Why nothing came of an injection; undefined when something did. Most likely it is not what was meant. */
export function idleReason(count: InjectionCount): string | undefined {
  checkShape('idleReason: the count', count, COUNT);
  const { calls, injected } = count;
  if (injected !== 0) return undefined;
  if (calls === 0) return 'no such call was made';
  return calls === 1 ? 'one such call, which was not due' : `${calls} such calls, none was due`;
}
