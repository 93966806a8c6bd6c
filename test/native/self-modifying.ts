/**
 * Programs that rewrite themselves, run by this machine's CPU and by the sandbox's: one ELF
 * (guest/self-modifying-*.s) reads them from its standard input and writes what became of each.
 *
 * In, each: four words (offset in the pages, length, entry, forked or not), then the bytes. Out, each:
 * ax, cx, dx, si, di, then the bytes.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Arch } from '../../src/base/address.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { Random } from '../build/unicorn-wasm/random.js';
import { FAR, type SelfModifying, selfModifying } from '../engine/self-modifying.js';
import { workPlace } from './run-native.js';

/** Two pages; a program lies across their boundary. */
const PAGES = 0x3000_0000;
const REGISTERS = 5;

export interface PlacedProgram {
  readonly seed: number;
  readonly program: SelfModifying;
  readonly offset: number;
  /** It runs in a child, whose pages are shared with the parent until the first store. */
  readonly forked: boolean;
}

export function placedPrograms(arch: Arch, first: number, count: number): PlacedProgram[] {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random(first + i);
    const program = selfModifying(arch, random);
    const offset = 4096 - random.below(program.bytes.length);
    return { seed: first + i, program, offset, forked: random.chance(50) };
  });
}

export async function runnerElf(arch: Arch): Promise<Uint8Array> {
  const file = `self-modifying-${arch}.s`;
  const source = fs.readFileSync(new URL(`guest/${file}`, import.meta.url), 'utf8');
  const constants = { PAGES, FAR };
  return (await assembleProgram(source, { arch, file, constants, semicolon: 'comment' })).elf;
}

/** What each program left, as text. */
export function runNatively(
  arch: Arch,
  elf: Uint8Array,
  programs: readonly PlacedProgram[],
): string[] {
  const folder = fs.mkdtempSync(path.join(workPlace(), 'mayexec-native-'));
  try {
    const file = path.join(folder, 'guest');
    fs.writeFileSync(file, elf, { mode: 0o755 });
    const options = { input: encode(programs), maxBuffer: 1 << 30 };
    const { error, status, signal, stdout } = spawnSync(file, [], options);
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`the native guest ended with ${signal ?? status}`);
    return decode(arch, programs, stdout);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

export async function runInSandbox(
  arch: Arch,
  elf: Uint8Array,
  programs: readonly PlacedProgram[],
): Promise<string[]> {
  const program = { bytes: elf, argv: ['guest'] };
  const sandbox = await Sandbox.create({ arch, policy: 'nx', program, stdin: encode(programs) });
  try {
    const outcome = sandbox.run();
    if (outcome.kind !== 'exit' || outcome.code !== 0)
      throw new Error(`the guest ended with ${outcome.kind}`);
    return decode(arch, programs, sandbox.stdout);
  } finally {
    sandbox.close();
  }
}

function encode(programs: readonly PlacedProgram[]): Uint8Array {
  return Buffer.concat(
    programs.map(({ program: { bytes, entry }, offset, forked }) =>
      Buffer.concat([
        new Uint8Array(Uint32Array.of(offset, bytes.length, entry, forked ? 1 : 0).buffer),
        bytes,
      ]),
    ),
  );
}

function decode(arch: Arch, programs: readonly PlacedProgram[], stdout: Uint8Array): string[] {
  const size = arch === 'i386' ? 4 : 8;
  const bytes = Buffer.from(stdout);
  let at = 0;
  const take = (length: number): string => {
    if (at + length > bytes.length) throw new Error('the output of the guest is cut short');
    at += length;
    return bytes.toString('hex', at - length, at);
  };
  return programs.map(({ seed, program }) => {
    const registers = Array.from({ length: REGISTERS }, () => take(size)).join(' ');
    return `program ${seed}: ${registers} ${take(program.bytes.length)}`;
  });
}
