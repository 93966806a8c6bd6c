/** Line tables written by hand, sound ones and hostile ones. What compilers write is tested by backtraces. */
import { describe, expect, it } from 'vitest';
import type { LineSections } from '../../../src/formats/dwarf/line-header.js';
import { sourceLines } from '../../../src/formats/dwarf/line-table.js';

const CODE = [{ start: 0x1000, end: 0x2000 }];
const text = (value: string): number[] => [...new TextEncoder().encode(value), 0];
const u32 = (value: number): number[] =>
  [value, value >> 8, value >> 16, value >> 24].map((byte) => byte & 0xff);

const OPERANDS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
/** minimum_instruction_length 1 (and one operation each), is_stmt, lines from -3 on, 12 of them, opcodes from 13 on. */
const SHAPE_2 = [1, 1, 0xfd, 12, 13, ...OPERANDS];
const SHAPE_4 = [1, 1, 1, 0xfd, 12, 13, ...OPERANDS];

/** 0x1000 is line 10 of the file with this number, 0x1004 line 12; it ends at 0x1010. */
const program = (file: number, start = 0x1000): number[] => [
  ...[0, 9, 2, ...u32(start), 0, 0, 0, 0],
  ...[4, file],
  ...[3, 9, 1],
  // A special opcode: 4 bytes and 2 lines on.
  13 + 4 * 12 + 5,
  ...[2, 12],
  ...[0, 1, 1],
];

const unit = (version: number, header: readonly number[], rest: readonly number[]): number[] => {
  const sizes = version === 5 ? [8, 0] : [];
  const body = [version, 0, ...sizes, ...u32(header.length), ...header, ...rest];
  return [...u32(body.length), ...body];
};

const FILES_2 = [...text('lib'), 0, ...text('main.c'), 0, 0, 0, ...text('part.c'), 1, 0, 0, 0];
/** Formats: a folder is a string; a file a string of .debug_line_str and a folder as udata. */
const FILES_5 = [
  ...[1, 1, 0x08, 2, ...text('/build'), ...text('lib')],
  ...[2, 1, 0x1f, 2, 0x0f, 2, ...u32(0), 0, ...u32(7), 1],
];
const LINE_STRINGS = Uint8Array.from([...text('main.c'), ...text('part.c')]);

const find = (
  line: readonly number[],
  addresses: readonly number[],
  more?: Partial<LineSections>,
) => Object.fromEntries(sourceLines({ line: Uint8Array.from(line), ...more }, addresses, CODE));

describe('a line table', () => {
  const at = [0x0fff, 0x1000, 0x1003, 0x1004, 0x100f, 0x1010];

  it.each([2, 3])('of version %i', (version) => {
    const file = (line: number) => ({ file: 'lib/part.c', line });
    expect(find(unit(version, [...SHAPE_2, ...FILES_2], program(2)), at)).toEqual({
      4096: file(10),
      4099: file(10),
      4100: file(12),
      4111: file(12),
    });
  });

  it('of version 4, of a file of the folder that the compiler ran in', () => {
    const table = unit(4, [...SHAPE_4, ...FILES_2], program(1));
    expect(find(table, [0x1004])).toEqual({ 4100: { file: 'main.c', line: 12 } });
  });

  it.each([
    [0, 'main.c'],
    [1, 'lib/part.c'],
  ])('of version 5 has names elsewhere, and file %i', (file, name) => {
    const table = unit(5, [...SHAPE_4, ...FILES_5], program(file));
    expect(find(table, [0x1004], { lineStrings: LINE_STRINGS })).toEqual({
      4100: { file: name, line: 12 },
    });
    expect(find(table, [0x1004])).toEqual({});
  });

  it('does not count for functions that the linker left out, which begin at 0', () => {
    const dropped = unit(4, [...SHAPE_4, ...FILES_2], program(1, 0));
    expect(find(dropped, [4])).toEqual({});
  });

  it('is read on behind a unit of a version that is not known', () => {
    const known = unit(4, [...SHAPE_4, ...FILES_2], program(1));
    expect(find([...unit(9, [], [1, 2, 3]), ...known], [0x1000])).toHaveProperty('4096');
  });
});

describe('a hostile line table tells nothing', () => {
  const many = [1, 1, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
  it.each<[string, readonly number[]]>([
    ['cut off in its length', [1, 2]],
    ['cut off in its header', unit(4, [...SHAPE_4, ...FILES_2], program(1)).slice(0, 30)],
    ['longer than its section', u32(0x7fff_ffff)],
    ['of a reserved length', u32(0xffff_fff5)],
    ['of 2^64 bytes', [...u32(0xffff_ffff), ...Array(8).fill(0xff)]],
    ['without lines', unit(4, [1, 1, 1, 0, 0, 13, ...OPERANDS, ...FILES_2], program(1))],
    ['without opcodes', unit(4, [1, 1, 1, 0, 12, 0, ...FILES_2], program(1))],
    ['of a name without an end', unit(4, [...SHAPE_4, ...Array(9000).fill(65)], program(1))],
    ['of more folders than bytes', unit(5, [...SHAPE_4, ...many], program(1))],
    ['of entries without a format', unit(5, [...SHAPE_4, 0, 0xff, 0xff, 0x7f], program(1))],
    ['of a form that is not known', unit(5, [...SHAPE_4, 1, 1, 0x7f, 1, 0], program(1))],
    ['of a number without an end', unit(4, [...SHAPE_4, ...FILES_2], Array(40).fill(0xff))],
  ])('%s', (_what, table) => {
    expect(find(table, [0, 1, 0x1000, 0x1004])).toEqual({});
  });
});
