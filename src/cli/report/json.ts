/** The object that `run --json` prints. */
import {
  backtrace,
  type Classified,
  type Outcome,
  type Refused,
  refusedText,
  type Sandbox,
  visibleJson,
} from '../../index.js';

/** 64-bit values as `0x...` strings, negative ones in two's complement: JSON's numbers end at 2^53. */
export function toJson(value: unknown): string {
  const words = (_key: string, item: unknown): unknown =>
    typeof item === 'bigint' ? `0x${BigInt.asUintN(64, item).toString(16)}` : item;
  return visibleJson(JSON.stringify(value, words, 2));
}

export function runRecord(
  program: string,
  sandbox: Sandbox,
  outcome: Outcome,
  { class: outcomeClass, refused }: Classified,
  hostFiles: readonly string[] | undefined,
): object {
  return {
    program,
    arch: sandbox.arch,
    os: sandbox.os,
    policy: sandbox.policy,
    outcome,
    class: outcomeClass,
    frames: outcome.kind === 'signal' ? backtrace(sandbox) : [],
    refused: refused === undefined ? null : refusedRecord(refused),
    ...outputRecord('stdout', sandbox.stdout),
    ...outputRecord('stderr', sandbox.stderr),
    syscalls: sandbox.trace.flatMap((event) => {
      if (event.type !== 'syscall') return [];
      const { pid, tid, name, args, value = null, errno = null } = event;
      return [{ pid, ...(tid === undefined ? {} : { tid }), name, args, value, errno }];
    }),
    ...(hostFiles === undefined ? {} : { hostFiles }),
    kernelLog: sandbox.kernelLog,
    ...droppedRecord(sandbox.dropped),
    findings: sandbox.findings,
    instructions: sandbox.instructions,
  };
}

/** The text; where the bytes are no UTF-8 it has lost some, and all of them stand beside it. */
function outputRecord(name: 'stdout' | 'stderr', bytes: Uint8Array): object {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const whole = Buffer.from(text).equals(bytes);
  return {
    [name]: text,
    ...(whole ? {} : { [`${name}Base64`]: Buffer.from(bytes).toString('base64') }),
  };
}

/** Only where something is missing: events, lines of the log, bytes of the output. */
function droppedRecord(dropped: Sandbox['dropped']): object {
  return Object.values(dropped).some((count) => count > 0) ? { dropped } : {};
}

/** Without the event, which is among `syscalls`; what is not known is null. */
function refusedRecord(refused: Refused): object {
  const { kind, call = null, errno = null, rule = null, reason = null, silent, pc } = refused;
  return { kind, call, errno, rule, reason, silent, pc, text: refusedText(refused) };
}
