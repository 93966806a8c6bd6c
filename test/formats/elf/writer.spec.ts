import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import { MayexecError } from '../../../src/base/errors.js';
import { parseElf } from '../../../src/formats/elf/image.js';
import { writeElf } from '../../../src/formats/elf/writer.js';
import { imageFacts } from '../../../src/os/linux/exec/image-facts.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';
import { lacking } from '../../host/host.js';

const EXIT: Record<Arch, string> = {
  'x86-64': 'mov edi, dword ptr [rip + status]; mov eax, SYS_exit; syscall',
  i386: 'mov ebx, dword ptr [status]; mov eax, SYS_exit; int 0x80',
};

/** Leaves with status 42, having checked that .bss is zero. */
function program(arch: Arch): string {
  const zero = arch === 'x86-64' ? '[rip + room]' : '[room]';
  return [
    `.globl _start; _start: cmp dword ptr ${zero}, 0; jne bad; ${EXIT[arch]}; bad: ud2`,
    '.section .rodata; .asciz "text"',
    '.data; status: .long 42',
    '.bss; .balign 4096; room: .skip 8192',
  ].join('\n');
}

function run(elf: Uint8Array): { status: number | null; signal: string | null } {
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-elf-'));
  try {
    const path = join(folder, 'program');
    writeFileSync(path, elf, { mode: 0o755 });
    const { status, signal } = spawnSync(path);
    return { status, signal };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.each<Arch>(['x86-64', 'i386'])('an executable for %s', (arch) => {
  it('runs on the kernel of this host', async (context) => {
    const refusal = lacking(arch);
    context.skip(refusal !== undefined, refusal);
    const { elf } = await assembleProgram(program(arch), { arch });
    expect(run(elf)).toEqual({ status: 42, signal: null });
  });

  it('says what readelf reads', async (context) => {
    const readelf = spawnSync('readelf', ['--version']);
    context.skip(readelf.error !== undefined, 'readelf is not installed');
    const source = `${program(arch)}\n.section .note.GNU-stack,"x",@progbits`;
    const { elf } = await assembleProgram(source, { arch });
    const folder = mkdtempSync(join(tmpdir(), 'mayexec-elf-'));
    const path = join(folder, 'program');
    writeFileSync(path, elf);
    const text = execFileSync('readelf', ['-W', '-h', '-l', '-s', path], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(text).toMatch(/Type:\s+EXEC/);
    expect(text.match(/LOAD .*/g)).toEqual([
      expect.stringMatching(/R E 0x1000$/),
      expect.stringMatching(/R {3}0x1000$/),
      expect.stringMatching(/ 0x0*4 0x0*3000 RW {2}0x1000$/),
    ]);
    expect(text).toMatch(/GNU_STACK .* RWE 0x10/);
    expect(text).toMatch(/ABS _start/);
    expect(text).not.toMatch(/Warning|Error/);
  });
});

describe('assembleProgram', () => {
  it('needs a _start', async () => {
    const failed = assembleProgram('nop', { arch: 'i386', file: 'x.s' });
    await expect(failed).rejects.toThrow(MayexecError);
    await expect(failed).rejects.toThrow("x.s has no label '_start'");
  });
});

describe('marks in a source', () => {
  const source = `.globl _start; _start: nop
    .section .note.tag,"a",@note
    .long 8, 4, 4
    .asciz "FreeBSD"
    .long 0x18`;

  it('of notes become a PT_NOTE that policies read', async () => {
    const { elf } = await assembleProgram(source, { arch: 'x86-64' });
    const parsed = parseElf(elf);
    if (!parsed.ok) throw new Error(parsed.reason);
    const notes = imageFacts(
      '/x',
      { mount: { options: new Set() } } as never,
      parsed.image,
      elf,
    ).notes;
    expect(notes).toEqual([{ owner: 'FreeBSD', type: 4, bytes: Uint8Array.of(0x18, 0, 0, 0) }]);
  });

  it('of OpenBSD become PT_OPENBSD_WXNEEDED', async () => {
    const { elf } = await assembleProgram('_start: nop; .section .openbsd.wxneeded', {
      arch: 'i386',
    });
    const parsed = parseElf(elf);
    const types = parsed.ok ? parsed.image.headers.map(({ type }) => type) : [];
    expect(types).toContain(0x65a3dbe7);
    expect(types).not.toContain(4);
  });
});

describe('writeElf', () => {
  const segment = { bytes: Uint8Array.of(0x90), memoryLength: 1, write: false, exec: true };

  it('keeps offsets and addresses equal within a page', () => {
    const segments = [0x400000n, 0x401000n].map((address) => ({ ...segment, address }));
    const elf = writeElf({ arch: 'x86-64', entry: 0x400000n, segments });
    const view = new DataView(elf.buffer);
    for (const header of [64, 64 + 56]) {
      expect(view.getBigUint64(header + 8, true) % 4096n).toBe(0n);
      expect(elf[Number(view.getBigUint64(header + 8, true))]).toBe(0x90);
    }
  });

  it('writes ET_DYN, and no PT_GNU_STACK, when asked', () => {
    const elf = writeElf({
      arch: 'i386',
      entry: 0x1000n,
      segments: [{ ...segment, address: 0x1000n }],
      stack: 'none',
      pie: true,
    });
    const view = new DataView(elf.buffer);
    expect([view.getUint16(16, true), view.getUint16(44, true)]).toEqual([3, 1]);
  });
});
