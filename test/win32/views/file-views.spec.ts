/** Views of files: what real Wine 8.0 answers (files.txt), where Windows differs, and what the host sees of it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/index.js';
import { buildProgram, lacksMingw } from '../mingw.js';

const lacking = lacksMingw('c');
const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'latin1');

const WINDOWS: Readonly<Record<string, string>> = {
  'flush private 1 0': 'flush private 0 487',
  'flush private sized 1 0': 'flush private sized 0 487',
  'flush free 0 87': 'flush free 0 487',
  'flush image 1 0': 'flush image 0 487',
  'flush null 0 87': 'flush null 0 487',
  // Of the copy view, after a write to it.
  '8': '4',
};

function expectedOf(os: 'windows' | 'wine'): string[] {
  const lines = read('files.txt').trimEnd().split('\n');
  return os === 'wine' ? lines : lines.map((line) => WINDOWS[line] ?? line);
}

describe('a program that maps files', () => {
  it.for([
    ['wine', 'x86-64'],
    ['wine', 'i386'],
    ['windows', 'x86-64'],
    ['windows', 'i386'],
  ] as const)('sees what it would (%s, %s)', async ([os, arch], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const program = { bytes: buildProgram(arch, read('files.c')), path: '/program.exe' };
    using sandbox = await Sandbox.create({ program, os, arch });
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
    const output = new TextDecoder().decode(sandbox.stdout).replaceAll('\r', '');
    expect(output.trimEnd().split('\n')).toEqual(expectedOf(os));
    expect(sandbox.readFile('view.txt').length).toBe(0x5000);
  });
});

const GENERIC_READ_WRITE = 0xc000_0000;

describe.each(['windows', 'wine'] as const)('the host of %s', (os) => {
  async function mapped() {
    const files = { '/data.bin': new TextEncoder().encode('before') };
    const sandbox = await Sandbox.create({ os, files });
    const room = sandbox.syscall('VirtualAlloc', 0, 4096, 0x3000, 4).value;
    sandbox.poke(room, new TextEncoder().encode('data.bin\0'));
    const file = sandbox.syscall('CreateFileA', room, GENERIC_READ_WRITE, 0, 0, 3, 0, 0).value;
    const section = sandbox.syscall('CreateFileMappingA', file, 0, 4, 0, 0, 0).value;
    const view = sandbox.syscall('MapViewOfFile', section, 2, 0, 0, 0).value;
    const text = (): string => new TextDecoder().decode(sandbox.readFile('data.bin'));
    const write = (bytes: string): void => sandbox.poke(view, new TextEncoder().encode(bytes));
    return { sandbox, section, view, file, text, write };
  }

  it('reads from a file what was written to a view of it', async () => {
    const { sandbox, text, write } = await mapped();
    write('AFTER!');
    expect(text()).toBe('AFTER!');
    sandbox.close();
  });

  it('gets file, view and size back with a snapshot', async () => {
    const { sandbox, section, file, view, text, write } = await mapped();
    write('one');
    const snapshot = sandbox.snapshot();
    write('two');
    sandbox.syscall('SetFilePointer', file, 4096, 0, 0);
    expect(sandbox.syscall('SetEndOfFile', file).error).toBe(undefined);
    expect(text().slice(0, 6)).toBe('twoore');
    sandbox.restore(snapshot);
    expect(text()).toBe('oneore');
    expect(new TextDecoder().decode(sandbox.peek(view, 6))).toBe('oneore');
    sandbox.syscall('UnmapViewOfFile', view);
    sandbox.syscall('CloseHandle', section);
    expect(text()).toBe('oneore');
    sandbox.close();
  });

  it('has one memory for all sections of a file', async () => {
    const { sandbox, file, view, write } = await mapped();
    const other = sandbox.syscall('CreateFileMappingA', file, 0, 4, 0, 0, 0).value;
    const second = sandbox.syscall('MapViewOfFile', other, 2, 0, 0, 0).value;
    expect(second).not.toBe(view);
    write('AFTER!');
    expect(new TextDecoder().decode(sandbox.peek(second, 6))).toBe('AFTER!');
    sandbox.close();
  });

  it('undoes a mapping that was made after the snapshot', async () => {
    const files = { '/data.bin': new TextEncoder().encode('before') };
    using sandbox = await Sandbox.create({ os, files });
    const room = sandbox.syscall('VirtualAlloc', 0, 4096, 0x3000, 4).value;
    sandbox.poke(room, new TextEncoder().encode('data.bin\0'));
    const snapshot = sandbox.snapshot();
    const map = (): bigint => {
      const file = sandbox.syscall('CreateFileA', room, GENERIC_READ_WRITE, 0, 0, 3, 0, 0).value;
      const section = sandbox.syscall('CreateFileMappingA', file, 0, 4, 0, 0, 0).value;
      return sandbox.syscall('MapViewOfFile', section, 2, 0, 0, 0).value;
    };
    const text = (): string => new TextDecoder().decode(sandbox.readFile('data.bin'));
    sandbox.poke(map(), new TextEncoder().encode('AFTER'));
    sandbox.restore(snapshot);
    expect(text()).toBe('before');
    const again = map();
    expect(new TextDecoder().decode(sandbox.peek(again, 6))).toBe('before');
    sandbox.poke(again, new TextEncoder().encode('again!'));
    expect(text()).toBe('again!');
  });
});
