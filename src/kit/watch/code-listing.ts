/** The disassembly of code under test: whole, stable from run to run, and with what runs have covered. */

import type { Addr } from '../../base/address.js';
import { disassembler, type Instruction } from '../../toolchain/disassembly/disassembler.js';
import { formatListing } from '../../toolchain/disassembly/listing.js';
import type { Code } from '../bed/code.js';
import { checkCode } from '../run/result-shape.js';

/** Instructions of all executable parts. */
export function instructionsOf(code: Code): Instruction[] {
  return code.parts
    .filter(({ exec }) => exec)
    .flatMap(({ bytes, address }) => disassembleRuns(code, bytes, address));
}

/** A label begins an instruction, whatever stands before it: data between functions is common. */
function disassembleRuns({ arch, symbols }: Code, bytes: Uint8Array, address: Addr): Instruction[] {
  const ends = [...symbols.values()]
    .map((at) => Number(at - address))
    .filter((at) => at > 0 && at < bytes.length);
  const cuts = [...new Set([0, ...ends, bytes.length])].sort((a, b) => a - b);
  return cuts.slice(1).flatMap((end, index) => {
    const start = cuts[index]!;
    return disassembler().disassemble(bytes.subarray(start, end), {
      arch,
      address: address + BigInt(start),
    });
  });
}

/** Mnemonic and operands, one instruction a line. */
export function plainListing(code: Code): string {
  checkCode('plainListing', code);
  return instructionsOf(code)
    .map(({ text }) => text)
    .join('\n');
}

/** Addresses, bytes, text and labels: what a snapshot holds. */
export function fullListing(code: Code): string {
  checkCode('fullListing', code);
  return formatListing(instructionsOf(code), { symbols: code.symbols })
    .map((line) => line.trimEnd())
    .join('\n');
}
