/**
 * What a case costs in the kit: against a process for each case (emulated and native), and against the bare
 * engine that runs the same instructions, in one run. In this process it is processor time that counts.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngine } from '../../src/engine/open.js';
import { assembleProgram, Kit, Sandbox } from '../../src/index.js';
import { ROOT } from './bare.js';
import { CODE, STACK } from './loops.js';
import { contest, processorEach } from './measure.js';
import type { Table } from './table.js';

/** lea rax, [rdi+rsi]; ret: the kit does the rest. */
const ADD = Uint8Array.of(0x48, 0x8d, 0x04, 0x37, 0xc3);
const TIMES = 400;
const MAP_PRIVATE_ANONYMOUS_FIXED = 0x32;
const PROGRAM = `_start: mov edi, 1; mov esi, 2; lea rax, [rdi+rsi]
  mov edi, eax; mov eax, SYS_exit_group; syscall`;

export async function kitTables(): Promise<Table[]> {
  using kit = await Kit.open();
  using sandbox = await Sandbox.create({ seed: 0 });
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-bench-'));
  try {
    const { elf } = await assembleProgram(PROGRAM, { arch: 'x86-64' });
    writeFileSync(join(folder, 'case.s'), PROGRAM);
    writeFileSync(join(folder, 'case'), elf, { mode: 0o755 });
    return await measured(kit, sandbox, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measured(kit: Kit, sandbox: Sandbox, folder: string): Promise<Table[]> {
  const code = await kit.load(ADD);
  const bytes = new Uint8Array(64);
  const native = process.platform === 'linux' && process.arch === 'x64';
  const cli = join(fileURLToPath(ROOT), 'dist/cli.js');
  const contenders = [
    await bareCase(),
    sandboxCase(sandbox),
    () => processorEach(TIMES, () => kit.call(code, [1, 2])),
    () => processorEach(TIMES, () => kit.call(code, [bytes, 2])),
    () => processorEach(TIMES, () => kit.call(code, [1, 2]).watched()),
    () => processorEach(TIMES, () => kit.call(ADD.slice(), [1, 2])),
    () => processCase(process.execPath, [cli, 'run', join(folder, 'case.s')]),
    ...(native ? [() => processCase(join(folder, 'case'), [])] : []),
  ];
  const names = [
    'the bare engine: registers set, run, result read',
    'a sandbox: restore, call',
    'the kit: same code, other arguments',
    'the kit: with a buffer of 64 bytes',
    'the kit: each instruction watched as well',
    'the kit: new code each time',
    'a process each: mayexec run',
    'a process each: native, a static ELF',
  ];
  const best = await contest(contenders);
  const [bare = Number.NaN] = best;
  const rows = names.map((what, i) => {
    const time = best[i];
    if (time === undefined) return { what, values: [undefined, undefined, undefined] };
    return { what, values: [1000 / time, time * 1000, time / bare] };
  });
  return [{ title: 'kit: a case of two instructions', columns: ['cases/s', 'us', '/bare'], rows }];
}

/** The engine port, with page tables of two pages: no system, no policy, no isolation between cases. */
async function bareCase(): Promise<() => number> {
  const { engine } = await openEngine('unicorn1', { arch: 'x86-64', memory: 1 << 20 });
  const [codeFrame, stackFrame] = [engine.memory.allocate() ?? 0, engine.memory.allocate() ?? 0];
  const pages = new Map([
    [CODE >> 12, codeFrame * 8 + 7],
    [STACK >> 12, stackFrame * 8 + 7],
  ]);
  engine.setTranslate((page) => pages.get(page) ?? -1);
  engine.memory.bytes(codeFrame).set(ADD);
  const end = BigInt(CODE + 2048);
  const top = STACK + 2048;
  const returnAddress = new Uint8Array(BigUint64Array.of(end).buffer);
  return () =>
    processorEach(TIMES, () => {
      engine.memory.bytes(stackFrame).set(returnAddress, top & 4095);
      engine.writeRegister('rdi', 1n);
      engine.writeRegister('rsi', 2n);
      engine.writeRegister('rsp', BigInt(top));
      engine.writeRegister('rip', BigInt(CODE));
      engine.run({ until: end, blocks: 1000 });
      if (engine.readRegister('rax') !== 3n) throw new Error('the bare engine adds wrongly');
    });
}

function sandboxCase(sandbox: Sandbox): () => number {
  const address = 0x1000_0000;
  sandbox.syscall('mmap', address, 4096, 5, MAP_PRIVATE_ANONYMOUS_FIXED, -1, 0);
  sandbox.poke(address, ADD);
  const snapshot = sandbox.snapshot();
  return () =>
    processorEach(TIMES, () => {
      sandbox.restore(snapshot);
      sandbox.call(address, 1, 2);
    });
}

/** Milliseconds of one process, by the clock: its work is not this process's. */
function processCase(program: string, args: readonly string[]): number {
  const begin = performance.now();
  const { status } = spawnSync(program, args);
  if (status !== 3) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
  return performance.now() - begin;
}
