/**
 * Runner: an executable that holds the code under test and runs it once for each case, in a child of its own.
 * It needs neither a C library nor us, and the host's kernel and the sandbox run the same file, so that what
 * differs is the CPU.
 */
import type { Addr, Arch } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import { type ElfSegment, writeElf } from '../formats/elf/writer.js';
import { type Code, pagesOf } from '../kit/bed/code.js';
import { assemble } from '../toolchain/assemble.js';
import { segmentsOf } from '../toolchain/assemble-program.js';
import {
  CASE_LAYOUTS,
  type CaseLayout,
  ENDED_BY_DEATH,
  ENDED_BY_RETURN,
  ENDED_BY_SIGNAL,
} from './case-layout.js';
import { inputLength, outputLength, type PlacedBuffer } from './cpu-case.js';
import { RUNNER_I386 } from './runner-i386.js';
import { RUNNER_X86_64 } from './runner-x86-64.js';

/** Code lies below these (kit/code.ts). */
const BUFFERS: Addr = 0x3000_0000n;
const STACK: Addr = 0x5000_0000n;
const STACK_LENGTH = 0x10000;
const RUNNER: Addr = 0x6000_0000n;
/** Room above the return address, for arguments on the stack. */
const ABOVE = 0x800n;
/** Microseconds of CPU time for one case. */
const TIME_LIMIT = 500_000;
const PAGE = 4096n;

export interface Runner {
  readonly arch: Arch;
  readonly code: Code;
  readonly elf: Uint8Array;
  readonly layout: CaseLayout;
  readonly buffers: readonly PlacedBuffer[];
  /** Bytes of one case and of one record. */
  readonly inputLength: number;
  readonly outputLength: number;
}

/**
 * `buffers`: names and lengths in bytes; each ends at an unmapped page.
 * @throws MayexecError for code or buffers that lie where the runner does.
 */
export async function buildRunner(
  code: Code,
  buffers: Readonly<Record<string, number>> = {},
): Promise<Runner> {
  const { arch } = code;
  const layout = CASE_LAYOUTS[arch];
  const placed = placeBuffers(buffers);
  const sizes = {
    INPUT_LENGTH: inputLength(layout, placed),
    OUTPUT_LENGTH: outputLength(layout, placed),
  };
  const directive = layout.word === 8 ? '.quad' : '.long';
  const table = [...placed.flatMap(({ address, length }) => [address, length]), 0, 0];
  const source = [
    arch === 'i386' ? RUNNER_I386 : RUNNER_X86_64,
    `entry: ${directive} ${code.entry}`,
    `buffers: ${directive} ${table.join(', ')}`,
    '',
  ].join('\n');
  const assembled = await assemble(source, {
    arch,
    address: RUNNER,
    file: 'the runner',
    constants: {
      ...layout.constants,
      ...sizes,
      ENDED_BY_RETURN,
      ENDED_BY_SIGNAL,
      ENDED_BY_DEATH,
      TIME_LIMIT,
      CASE_STACK: STACK + BigInt(STACK_LENGTH) - ABOVE - BigInt(layout.word),
    },
  });
  const elf = writeElf({
    arch,
    entry: assembled.symbols.get('_start')!,
    segments: [...ownSegments(code, placed), ...segmentsOf(assembled)],
  });
  const { INPUT_LENGTH, OUTPUT_LENGTH } = sizes;
  const lengths = { inputLength: INPUT_LENGTH, outputLength: OUTPUT_LENGTH };
  return { arch, code, elf, layout, buffers: placed, ...lengths };
}

function placeBuffers(buffers: Readonly<Record<string, number>>): PlacedBuffer[] {
  let next = BUFFERS;
  return Object.entries(buffers).map(([name, length]) => {
    if (!Number.isSafeInteger(length) || length < 1 || length > 1 << 20) {
      throw new MayexecError(`buffer '${name}' has ${length} bytes: expected 1 to ${1 << 20}`);
    }
    const pages = (BigInt(length) + PAGE - 1n) / PAGE;
    const end = next + pages * PAGE;
    next = end + PAGE;
    return { name, address: end - BigInt(length), length };
  });
}

function ownSegments(code: Code, buffers: readonly PlacedBuffer[]): ElfSegment[] {
  const parts = pagesOf(code).map(({ start, end, bytes, write, exec }) => {
    if (end > BUFFERS) {
      throw new MayexecError(
        `the code takes 0x${start.toString(16)} to 0x${end.toString(16)}: to run on the host it has to end below 0x${BUFFERS.toString(16)}`,
      );
    }
    return { address: start, bytes, memoryLength: Number(end - start), write, exec };
  });
  const memory = (address: Addr, length: number): ElfSegment => {
    const start = address & ~(PAGE - 1n);
    const memoryLength = Number(address - start) + length;
    return { address: start, bytes: new Uint8Array(), memoryLength, write: true, exec: false };
  };
  return [
    ...parts,
    ...buffers.map(({ address, length }) => memory(address, length)),
    memory(STACK, STACK_LENGTH),
  ];
}
