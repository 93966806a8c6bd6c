/** What a child of a Windows program shares with it, as real Wine 8.0 has it (shared.txt). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/index.js';
import { buildProgram, lacksMingw } from '../mingw.js';

const lacking = lacksMingw('c');
const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'latin1');

describe('a child process', () => {
  it.for([
    ['wine', 'x86-64'],
    ['wine', 'i386'],
    ['windows', 'x86-64'],
    ['windows', 'i386'],
  ] as const)(
    'shares sections, files, names and handles (%s, %s)',
    async ([os, arch], { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const program = { bytes: buildProgram(arch, read('shared.c')), path: '/program.exe' };
      using sandbox = await Sandbox.create({ program, os, arch });
      expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
      const output = new TextDecoder().decode(sandbox.stdout).replaceAll('\r', '');
      expect(output.split('\n')).toEqual(read('shared.txt').split('\n'));
    },
  );
});
