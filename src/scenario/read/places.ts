/** Program counters and lines of a program's source. */
import type { Addr } from '../../base/address.js';
import type { SourcePosition } from '../../toolchain/assembly-error.js';
import type { ReadyProgram } from './scenario.js';

/** The line whose bytes hold `pc`; undefined for an included file or generated code. */
export function lineOf({ lines }: ReadyProgram, pc: Addr): number | undefined {
  return lines.find(({ address, length }) => pc >= address && pc < address + BigInt(length))?.line;
}

/** The line of the instruction that ends at `pc`: of a system call, or of a call by its return address. */
export function lineBefore(program: ReadyProgram, pc: Addr): number | undefined {
  return lineOf(program, pc - 1n);
}

/** Where to report what happened at `line`; the program's beginning where it has no line. */
export function positionAt(program: ReadyProgram, line: number | undefined): SourcePosition {
  return line === undefined ? program.position : { ...program.position, line, column: 1 };
}

export function sourceLine({ source }: ReadyProgram, line: number): string {
  return source.split('\n')[line - 1] ?? '';
}
