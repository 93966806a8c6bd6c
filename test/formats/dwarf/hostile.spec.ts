/** Damaged files: whatever a byte says, readers of debugging information answer, and in bounded time. */
import { expect, it } from 'vitest';
import { Random } from '../../../src/base/random.js';
import { ElfCodeFile } from '../../../src/diagnosis/crash/elf-file.js';
import { CallFrames } from '../../../src/formats/dwarf/call-frames.js';
import { evaluate } from '../../../src/formats/dwarf/expression.js';
import { sourceLines } from '../../../src/formats/dwarf/line-table.js';
import { compile } from '../../os/linux/compiler.js';

const FLAGS =
  '-O2 -g -static -nostdlib -ffreestanding -fno-stack-protector -fasynchronous-unwind-tables';
const RUNS = 300;

/** All that a report asks. */
function ask(bytes: Uint8Array, addresses: readonly number[]): number {
  const file = ElfCodeFile.open(bytes);
  if (file === undefined) return 0;
  const lines = file.linesOf(addresses).size;
  const frames = addresses.filter((address) => file.frameAt(address) !== undefined).length;
  const names = addresses.filter((address) => file.symbolAt(address) !== undefined).length;
  return lines + frames + names;
}

it.for(['x86-64', 'i386'] as const)('of a compiled program for %s', (arch, { skip }) => {
  const program = compile('frames.c', arch, FLAGS);
  if ('why' in program) return skip(program.why);
  const { bytes } = program;
  const entry = Number(new DataView(bytes.buffer).getUint32(24, true));
  const addresses = Array.from({ length: 40 }, (_, index) => entry + index * 8);
  const sound = ask(bytes, addresses);
  expect(sound).toBeGreaterThan(40);
  const random = new Random(5);
  let answers = 0;
  for (let run = 0; run < RUNS; run++) {
    const damaged = bytes.slice(0, random.below(4) === 0 ? random.below(bytes.length) : undefined);
    // Behind the header, most of the time: else it is no ELF file at all.
    for (let count = 0; count < 30 && damaged.length > 64; count++) {
      damaged[64 + random.below(damaged.length - 64)] = random.below(256);
    }
    answers += ask(damaged, addresses);
  }
  expect(answers).toBeGreaterThan(0);
});

it('of bytes without any sense', () => {
  const random = new Random(6);
  let frames = 0;
  for (let run = 0; run < RUNS; run++) {
    const bytes = Uint8Array.from({ length: 400 }, () => random.below(256));
    // A length that fits, so that there is something to read.
    bytes.set([200, 0, 0, 0]);
    sourceLines({ line: bytes }, [0, 100], [{ start: 0, end: 1000 }]);
    if (new CallFrames(bytes, 0, 8).at(100) !== undefined) frames++;
    evaluate(bytes, { register: () => 1n, memory: () => 2n }, 8);
  }
  expect(frames).toBe(0);
});

it('a section of names that each line table points into is not read for each', () => {
  const entries = 20_000;
  const offsets = Array.from({ length: entries }, () => [0, 0, 0, 0]).flat();
  const count = [(entries & 0x7f) | 0x80, ((entries >> 7) & 0x7f) | 0x80, entries >> 14];
  const header = [1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0x1f, ...count, ...offsets];
  const size = (value: number): number[] => [value & 255, (value >> 8) & 255, value >> 16, 0];
  const body = [5, 0, 8, 0, ...size(header.length), ...header];
  const line = Uint8Array.from([...size(body.length), ...body]);
  const lineStrings = new Uint8Array(32 << 20).fill(65);
  expect(sourceLines({ line, lineStrings }, [1], [{ start: 0, end: 10 }]).size).toBe(0);
});
