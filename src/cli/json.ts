/** The object that `run --json` prints. */
import {
  backtrace,
  type Classified,
  type Outcome,
  type Refused,
  refusedText,
  type Sandbox,
} from '../index.js';

/** 64-bit values as `0x...` strings, negative ones in two's complement: JSON's numbers end at 2^53. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) =>
      typeof item === 'bigint' ? `0x${BigInt.asUintN(64, item).toString(16)}` : item,
    2,
  );
}

export function runRecord(
  program: string,
  sandbox: Sandbox,
  outcome: Outcome,
  { class: outcomeClass, refused }: Classified,
): object {
  const text = new TextDecoder();
  return {
    program,
    arch: sandbox.arch,
    os: sandbox.os,
    policy: sandbox.policy,
    outcome,
    class: outcomeClass,
    frames: outcome.kind === 'signal' ? backtrace(sandbox) : [],
    refused: refused === undefined ? null : refusedRecord(refused),
    stdout: text.decode(sandbox.stdout),
    stderr: text.decode(sandbox.stderr),
    syscalls: sandbox.trace.flatMap((event) => {
      if (event.type !== 'syscall') return [];
      const { pid, name, args, value = null, errno = null } = event;
      return [{ pid, name, args, value, errno }];
    }),
    kernelLog: sandbox.kernelLog,
    findings: sandbox.findings,
    instructions: sandbox.instructions,
  };
}

/** Without the event, which is among `syscalls`; what is not known is null. */
function refusedRecord(refused: Refused): object {
  const { kind, call = null, errno = null, rule = null, reason = null, silent, pc } = refused;
  return { kind, call, errno, rule, reason, silent, pc, text: refusedText(refused) };
}
