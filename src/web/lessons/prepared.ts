/** A lesson's programs as the build assembled them, for the very sources that they were made of. */
import type { ScenarioProgram } from '../../parts/scenario.js';
import type { AssembledProgram } from '../../parts/toolchain.js';
import type { LessonFile } from './lesson-file.js';

export function preparedFor(
  lesson: LessonFile | undefined,
  file: string,
): (program: ScenarioProgram) => AssembledProgram | undefined {
  return ({ name, source }) => {
    const found = lesson?.programs.find((each) => each.name === name && each.source === source);
    if (found === undefined) return undefined;
    return {
      elf: bytesOf(found.elf),
      symbols: new Map(found.symbols.map(([label, address]) => [label, BigInt(address)])),
      lines: found.lines.map(([line, address, length]) => ({
        file,
        line,
        address: BigInt(address),
        length,
      })),
    };
  };
}

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
