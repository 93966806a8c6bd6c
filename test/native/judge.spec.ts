/** The judge judged: with runners that are told what to report, it finds, shrinks and prints differences. */
import { describe, expect, it } from 'vitest';
import * as M from '../../src/abi/linux/mman.js';
import { cProgram } from './c-program.js';
import { sameReport } from './compare.js';
import { formatOp } from './format.js';
import { generate, MODES } from './generate.js';
import { Judge } from './judge.js';
import { memoryLines } from './maps.js';
import { call, inWindow, type Op, type Sequence } from './operation.js';
import type { SequenceReport } from './report.js';
import { encodeScript, type NumberedSequence } from './script.js';

const report = (...texts: string[]): SequenceReport => ({
  id: 0,
  entries: texts.map((text, index) => ({ index, text })),
  end: 'done',
});

const map = call('mmap', inWindow(0), 0x2000, 3, 0x32, -1, 0);
const seal = call('mseal', inWindow(0), 0x1000, 0);
const unmap = call('munmap', inWindow(0), 0x1000);

/** A kernel where everything gives 0, but for munmap of what was sealed before. */
function pretend(sealed: string) {
  return (sequences: readonly NumberedSequence[]): SequenceReport[] =>
    sequences.map(({ id, ops }) => {
      const seals = ops.indexOf(seal);
      const entries = ops.map((op, index) => {
        const refused = op === unmap && seals >= 0 && seals < index;
        return { index, text: refused ? sealed : '= 0x0' };
      });
      return { id, entries, end: 'done' };
    });
}

describe('Judge', () => {
  const noise: Op[] = [map, { kind: 'read', address: inWindow(0) }, { kind: 'dump', file: 'maps' }];
  const ops: Sequence = [...noise, seal, ...noise, unmap, ...noise];

  it('finds no difference between equal runners', async () => {
    const judge = new Judge('x86-64', pretend('= -1 EPERM'), pretend('= -1 EPERM'), 'vmas');
    expect((await judge.compare([{ id: 0, ops }])).differences).toEqual([]);
  });

  it('shrinks a difference to what it needs and prints both sides', async () => {
    const judge = new Judge('x86-64', pretend('= -1 EPERM'), pretend('= 0x0'), 'vmas');
    const { differences } = await judge.compare([{ id: 7, ops }]);
    expect(differences).toHaveLength(1);
    const text = await judge.describe(differences);
    expect(text).toContain('1 x munmap: = -1 EPERM | = #, for instance sequence 7:');
    expect(text).toContain(
      [
        '  mseal(W+0x0, 0x1000, 0) = 0x0',
        '  munmap(W+0x0, 0x1000)',
        '!     kernel:  = -1 EPERM',
        '!     mayexec: = 0x0',
        'as a C program: ',
      ].join('\n'),
    );
  });
});

describe('sameReport', () => {
  const split = report('= 0x0');
  const lines = (...texts: string[]): SequenceReport => ({
    ...split,
    entries: texts.map((text) => ({ index: 0, text })),
  });
  const whole = lines('W+0x0-W+0x3000 rw-p 0x0', 'W+0x3000-W+0x4000 r--p 0x0');
  const parts = lines(
    'W+0x0-W+0x1000 rw-p 0x0',
    'W+0x1000-W+0x3000 rw-p 0x0',
    'W+0x3000-W+0x4000 r--p 0x0',
  );

  it('tells split VMAs from merged ones, unless pages are compared', () => {
    expect(sameReport(whole, parts, 'vmas')).toBe(false);
    expect(sameReport(whole, parts, 'pages')).toBe(true);
  });

  it('sees a hole, other rights and another part of a file', () => {
    const file = lines(
      'W+0x0-W+0x1000 r--p 0x0 data.bin',
      'W+0x1000-W+0x2000 r--p 0x1000 data.bin',
    );
    const other = lines(
      'W+0x0-W+0x1000 r--p 0x0 data.bin',
      'W+0x1000-W+0x2000 r--p 0x5000 data.bin',
    );
    expect(sameReport(file, lines('W+0x0-W+0x2000 r--p 0x0 data.bin'), 'pages')).toBe(true);
    expect(sameReport(other, lines('W+0x0-W+0x2000 r--p 0x0 data.bin'), 'pages')).toBe(false);
    expect(
      sameReport(lines('W+0x0-W+0x1000 rw-p 0x0'), lines('W+0x0-W+0x1000 rwxp 0x0'), 'pages'),
    ).toBe(false);
  });

  it('leaves out, without a zero page, what hangs on an anon_vma, and nothing else', () => {
    const ops = [call('mprotect', 0), call('mremap', 0)];
    const same = (one: SequenceReport, other: SequenceReport): boolean =>
      sameReport(one, other, 'no-zero-page', ops);
    const flags = lines('W+0x0-W+0x2000 r-xp 0x0 [rd ex mr mw me ac]');
    expect(same(flags, lines('W+0x0-W+0x2000 r-xp 0x0 [rd ex mr mw me]'))).toBe(true);
    expect(same(flags, lines('W+0x0-W+0x2000 r-xp 0x0 [rd ex mr mw]'))).toBe(false);
    const zero = lines('W+0x0-W+0x2000 r--p 0x1000 /dev/zero');
    expect(same(zero, lines('W+0x0-W+0x2000 r--p W+0x0 /dev/zero'))).toBe(true);
    expect(same(zero, lines('W+0x0-W+0x2000 rw-p 0x1000 /dev/zero'))).toBe(false);
    const results = (...texts: string[]): SequenceReport => ({
      ...split,
      entries: texts.map((text, index) => ({ index, text })),
    });
    expect(same(results('= 0x0', '= -1 EFAULT'), results('= 0x0', '= W+0x0'))).toBe(true);
    expect(same(results('= 0x0', '= W+0x0'), results('= -1 ENOMEM', '= W+0x0'))).toBe(false);
    expect(same(results('= 0x0'), results())).toBe(false);
  });
});

describe('memoryLines', () => {
  const regions = {
    arch: 'x86-64',
    window: 0x1000000000n,
    hole: 0x7f0000800000n,
    brk: 0x2000000n,
  } as const;

  it('keeps the regions tested, without inodes, cut where they end', () => {
    const text = [
      '00400000-00401000 r-xp 00001000 fe:00 123                        /tmp/x/guest',
      '02000000-02001000 rw-p 00000000 00:00 0                          [heap]',
      '1000000000-1000002000 rw-p 00003000 fe:00 99                     /tmp/x/data.bin',
      'VmFlags: rd wr mr mw me sd ',
      '7f0000000000-7f0000800000 ---p 00000000 00:00 0 ',
      '7f0001000000-7f0002200000 ---p 00000000 00:00 0 ',
    ];
    expect(memoryLines(text.join('\n'), regions)).toEqual([
      'B+0x0-B+0x1000 rw-p 0x0 [heap]',
      'W+0x0-W+0x2000 rw-p 0x3000 data.bin [rd wr mr mw me]',
      'H-0x800000-H+0x0 ---p 0x0',
      'H+0x800000-H+0x900000 ---p 0x0',
    ]);
  });
});

describe('the generator', () => {
  it('makes the same sequences from the same seed, and others from another', () => {
    const bytes = (seed: number) =>
      encodeScript('x86-64', generate('x86-64', 'plain', seed, 5, 3), { fork: true });
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });

  it.each(MODES)('gives every fork its exit in mode %s', (mode) => {
    for (const { ops } of generate('i386', mode, 3, 0, 200)) {
      const depth = ops.reduce(
        (sum, { kind }) => sum + (kind === 'fork' ? 1 : kind === 'exit' ? -1 : 0),
        0,
      );
      expect(depth).toBe(0);
    }
  });

  it('restricts within the sequence, as the mode says', () => {
    const names = (mode: (typeof MODES)[number]) =>
      generate('x86-64', mode, 1, 0, 50).map(({ ops }) => ops.map(formatOp).join('\n'));
    expect(
      names('mdwe').every((text) => text.includes(`prctl(0x${M.PR_SET_MDWE.toString(16)},`)),
    ).toBe(true);
    expect(names('mseal').every((text) => text.includes('mseal('))).toBe(true);
    expect(names('plain').some((text) => text.includes('mseal('))).toBe(false);
  });
});

describe('cProgram', () => {
  it('writes every operation with its number and arguments', () => {
    const text = cProgram('x86-64', [map, { kind: 'exec', address: inWindow(0x1000) }]);
    expect(text).toContain('CALL("mmap(W+0x0, 0x2000, PROT_READ|PROT_WRITE, ');
    expect(text).toContain('9, W + 0x0UL, 0x2000UL, 0x3UL, 0x32UL, -0x1UL, 0x0UL);');
    expect(text).toContain('EXEC("exec W+0x1000", W + 0x1000UL);');
  });
});
