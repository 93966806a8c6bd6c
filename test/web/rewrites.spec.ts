/** Changes of a source: which are offered, and that they are what they say. */
import { describe, expect, it } from 'vitest';
import { assembleProgram, finishedRun } from '../../src/index.js';
import { rewritesOf } from '../../src/web/lab/rewrites.js';
import { include } from '../scenario/files.js';

const program = (...lines: string[]): string =>
  ['    .include "lib/x86-64-calls.inc"', '    .globl _start', '_start:', ...lines, ''].join('\n');

const FLIP = program(
  '    must mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0  # a page',
  '    mov rbx, rax',
  '    put_code rbx, 1001',
  '    sys mprotect, rbx, 4096, PROT_READ | PROT_WRITE | PROT_EXEC',
  '    call rbx',
  '    show',
  '    finish 0',
);
const AT_ONCE = FLIP.replace('WRITE, MAP', 'WRITE | PROT_EXEC, MAP').replace(/\n.*mprotect.*/, '');

async function ends(source: string, policy: string): Promise<string> {
  const { elf } = await assembleProgram(source, { arch: 'x86-64', include });
  const { outcome, stdout } = await finishedRun({ program: elf, policy });
  return outcome.kind === 'exit'
    ? `${outcome.code} ${new TextDecoder().decode(stdout)}`
    : outcome.kind;
}

describe('rewrites', () => {
  it.each([
    [FLIP, 'mprotect without PROT_WRITE', 'wx', 7],
    [FLIP, 'two views of a memfd, one to write and one to execute', 'mdwe', 4],
    [AT_ONCE, 'write first, and make it executable before it is called', 'wx', 4],
    [AT_ONCE, 'two views of a memfd, one to write and one to execute', 'selinux:execmem=deny', 4],
  ])('helps: %#', async (source, text, policy, line) => {
    const found = rewritesOf(source).find((each) => each.text === text);
    expect(found?.line).toBe(line);
    expect(await ends(source, policy)).not.toBe('0 f() = 1001\n');
    expect(await ends(found?.source ?? '', policy)).toBe('0 f() = 1001\n');
  });

  it('leave comments and all other lines alone', () => {
    const [found] = rewritesOf(FLIP).filter(({ text }) => text.startsWith('mmap'));
    const changed = found!.source.split('\n').filter((line) => !FLIP.includes(line));
    expect(changed).toEqual([
      '    must mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0  # a page',
    ]);
  });

  it.each([
    ['', 'no program'],
    ['_start:\n    syscall\n', 'no macros'],
    [program('    must mmap', '    must mmap, 1', '    finish 0'), 'calls that lack arguments'],
    [program('    finish 0'), 'no calls'],
  ])('are none for %j (%s)', (source) => {
    expect(rewritesOf(source)).toEqual([]);
  });
});
