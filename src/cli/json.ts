/** The object that `run --json` prints. */
import type { Outcome, Sandbox } from '../index.js';

/** 64-bit values as `0x...` strings, negative ones in two's complement: JSON's numbers end at 2^53. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) =>
      typeof item === 'bigint' ? `0x${BigInt.asUintN(64, item).toString(16)}` : item,
    2,
  );
}

export function runRecord(program: string, sandbox: Sandbox, outcome: Outcome): object {
  const text = new TextDecoder();
  return {
    program,
    arch: sandbox.arch,
    os: sandbox.os,
    policy: sandbox.policy,
    outcome,
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
