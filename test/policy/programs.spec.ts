/** Every program of asm/ under every policy ends as the matrix says. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { letter } from './matrix/guest.js';
import { COLUMNS, TABLE } from './matrix/table.js';

/** Which row a program is, and which call of it is refused. */
const PROGRAMS: Readonly<Record<string, readonly [row: string, call: string]>> = {
  'jit-malloc': ['1 ', ''],
  'jit-mmap-rwx': ['2 ', 'mmap'],
  'jit-mmap-mprotect': ['3 ', 'mprotect'],
  'jit-dev-zero': ['6 ', 'mprotect'],
  'jit-memalign': ['8 ', 'mprotect'],
  'jit-dual-memfd': ['16 ', 'mmap'],
  'jit-dual-file': ['19 ', 'mmap'],
};

interface End {
  readonly stdout: string;
  readonly stderr: string;
  readonly end: string;
}

const FOLDER = fileURLToPath(new URL('../../asm/', import.meta.url));

const built = new Map<string, Promise<Uint8Array>>();

/** Each is assembled once. */
function build(arch: Arch, name: string): Promise<Uint8Array> {
  const file = join(FOLDER, arch, `${name}.s`);
  const include = (path: string): string | undefined => {
    const found = [path, join(FOLDER, path)].find(existsSync);
    return found === undefined ? undefined : readFileSync(found, 'utf8');
  };
  const source = readFileSync(file, 'utf8');
  const known = built.get(file);
  const elf = known ?? assembleProgram(source, { arch, file, include }).then((made) => made.elf);
  built.set(file, elf);
  return elf;
}

async function run(arch: Arch, name: string, policy: string): Promise<End> {
  const elf = await build(arch, name);
  using sb = await Sandbox.create({ arch, policy, program: elf });
  const outcome = sb.run();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const end = outcome.kind === 'exit' ? `exit ${outcome.code}` : letter(outcome);
  return { stdout: text(sb.stdout), stderr: text(sb.stderr), end };
}

/** OpenBSD and NetBSD have no memfd: what Linux programs make of theirs is as files are. */
function expectedCell(row: string, column: string): string {
  const cells = TABLE.find(({ strategy }) => strategy.startsWith(row))!.cells;
  return cells.get(column) ?? 'ok';
}

const SUCCESS: End = { stdout: 'f() = 1001\n', stderr: '', end: 'exit 0' };

describe.each(COLUMNS)('under $policy', ({ name: column, policy, arches }) => {
  for (const [name, [row, call]] of Object.entries(PROGRAMS)) {
    const cell = expectedCell(row, column);
    it.each(arches)(`${name} ends in ${cell}, %s`, async (arch) => {
      const ended = await run(arch, name, policy);
      if (cell === 'ok') expect(ended).toMatchObject({ stderr: '', end: 'exit 0' });
      else if (cell.length === 1) expect(ended).toEqual({ stdout: '', stderr: '', end: cell });
      else expect(ended).toEqual({ stdout: '', stderr: `${call}: ${cell}\n`, end: 'exit 1' });
    });
  }

  const refused = expectedCell('3 ', column);
  const fault = expectedCell('1 ', column);

  it.each(arches)(
    'jit-checked goes on without its compiler where that is refused, %s',
    async (arch) => {
      const ended = await run(arch, 'jit-checked', policy);
      const report = `mprotect: ${refused}\nfalling back to the byte-code interpreter\n`;
      expect(ended).toEqual(refused === 'ok' ? SUCCESS : { ...SUCCESS, stderr: report });
    },
  );

  it.each(arches)('jit-unchecked crashes where its compiler is refused, %s', async (arch) => {
    const ended = await run(arch, 'jit-unchecked', policy);
    expect(ended).toEqual(refused === 'ok' ? SUCCESS : { stdout: '', stderr: '', end: fault });
  });
});
