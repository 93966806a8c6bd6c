/**
 * Recording: what a host has done to a sandbox since it was opened. A sandbox depends on nothing but its options
 * and that (its seed makes every choice), so that both together are its state: a few kilobytes that another
 * process or page turns into the same sandbox by doing it all again.
 */
import { isRecord } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { checksum, pack, unpack } from '../base/pack.js';
import { VERSION } from '../base/version.js';

/** The methods of a sandbox that change something in it. */
export const RECORDED = [
  'run',
  'resume',
  'call',
  'enter',
  'syscall',
  'store',
  'load',
  'poke',
  'setRegister',
  'writeFile',
  'countInstructions',
  /** One of these, of the kernel beside the program. */
  'kernel',
] as const;

export type RecordedCall = readonly [name: (typeof RECORDED)[number], ...args: readonly unknown[]];

/** A sandbox that is used for longer than this cannot be written down. */
const MOST_CALLS = 200_000;
const MOST_BYTES = 64 << 20;
/** For each call, beside its byte arrays. */
const CALL_BYTES = 64;

/** A call and all before it. Immutable: any number of snapshots share them. */
export interface Recorded {
  readonly call: RecordedCall;
  readonly before: Recorded | undefined;
  readonly count: number;
  readonly bytes: number;
}

export const TOO_MUCH = 'too much';

export class Recording {
  /** Up to now; undefined when nothing was done yet. */
  last: Recorded | typeof TOO_MUCH | undefined;
  readonly #forward: ((call: RecordedCall) => void) | undefined;

  /** `forward`: whoever keeps what is done to this one. */
  constructor(forward?: (call: RecordedCall) => void) {
    this.#forward = forward;
  }

  /** `call` is the recording's from then on. */
  add(call: RecordedCall): void {
    if (this.#forward !== undefined) {
      this.#forward(call);
      return;
    }
    const before = this.last;
    if (before === TOO_MUCH) return;
    const count = (before?.count ?? 0) + 1;
    const bytes = (before?.bytes ?? 0) + CALL_BYTES + keep(call as unknown as unknown[]);
    const isTooMuch = count > MOST_CALLS || bytes > MOST_BYTES;
    this.last = isTooMuch ? TOO_MUCH : { call, before, count, bytes };
  }
}

/** Copies in place what the host may change, and counts its bytes. */
function keep(call: unknown[]): number {
  let bytes = 0;
  for (let i = 1; i < call.length; i++) {
    const each = call[i];
    if (typeof each !== 'object' || each === null) continue;
    const copy = each instanceof Uint8Array ? each.slice() : structuredClone(each);
    if (copy instanceof Uint8Array) bytes += copy.length;
    call[i] = copy;
  }
  return bytes;
}

/** Oldest first. @throws MayexecError when there were too many to keep. */
export function callsUpTo(last: Recording['last']): readonly RecordedCall[] {
  if (last === TOO_MUCH) {
    throw new MayexecError(
      `this sandbox cannot be written as bytes: more was done to it than ${MOST_CALLS} calls or ${MOST_BYTES >> 20} MiB`,
    );
  }
  const calls: RecordedCall[] = [];
  for (let each = last; each !== undefined; each = each.before) calls.push(each.call);
  return calls.reverse();
}

/** What snapshot bytes hold. */
export interface WrittenSandbox {
  /** Name of the engine, whose two forms are one. */
  readonly engine: string;
  /** Those of `Sandbox.create`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly calls: readonly RecordedCall[];
  /** Of what came of it (registers, mappings, output); null: unknown. */
  readonly digest: number | null;
}

/** The version follows: it is known before anything else is read. */
const NAME = 'mayexec snapshot ';
/** More than a version has. */
const LONGEST_VERSION = 40;

/** @throws MayexecError for options that bytes cannot hold: functions, policies of the host's own. */
export function writeSandbox(written: WrittenSandbox): Uint8Array {
  try {
    return pack(`${NAME}${VERSION}`, written);
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    throw new MayexecError(`this sandbox cannot be written as bytes: ${error.message}`);
  }
}

/** @throws MayexecError for bytes that are none, are cut off or damaged, of another version or another engine. */
export function readSandbox(bytes: Uint8Array, engine: string): WrittenSandbox {
  if (!(bytes instanceof Uint8Array)) {
    throw new MayexecError(
      `a snapshot is ${typeof bytes}: expected the bytes that one was written as`,
    );
  }
  checkVersion(bytes);
  const found = unpack(`${NAME}${VERSION}`, 'snapshot of mayexec', bytes);
  if (!isRecord(found)) throw missingPart();
  const { options, calls, digest } = found;
  if (found.engine !== engine) {
    throw new MayexecError(
      `this snapshot was written on the engine '${String(found.engine)}', and this is '${engine}'`,
    );
  }
  if (!isRecord(options) || !Array.isArray(calls) || !calls.every(isCall)) throw missingPart();
  if (digest !== null && typeof digest !== 'number') throw missingPart();
  return { engine, options, calls, digest };
}

/** What is no snapshot at all is for `unpack` to say. */
function checkVersion(bytes: Uint8Array): void {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, NAME.length + LONGEST_VERSION));
  const [, version] = /^mayexec snapshot ([\w.+-]+)\n/.exec(start) ?? [];
  if (version === undefined || version === VERSION) return;
  throw new MayexecError(
    `this snapshot was written by mayexec ${version}, and this is ${VERSION}: only the same version reads it`,
  );
}

function missingPart(): MayexecError {
  return new MayexecError('this snapshot of mayexec is damaged: a part of it is missing');
}

function isCall(call: unknown): call is RecordedCall {
  return Array.isArray(call) && RECORDED.some((name) => name === call[0]);
}

/** Of texts, in order. */
export function digestOf(texts: readonly string[]): number {
  const encoder = new TextEncoder();
  return texts.reduce((sum, text) => checksum(encoder.encode(`${text}\n`), sum), 0x811c9dc5);
}
