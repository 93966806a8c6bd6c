/** Both forms under our own shell: instances, memory, table entries, and giving up. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { UnicornModule } from '../../../src/engine/unicorn1/module.js';
import { arityOf, EngineAbort } from '../../../src/engine/unicorn1/shell.js';
import { buildForms, type Forms } from './forms.js';

const CODE = 0x1000;
const RAX = 35;
const HOOK_CODE = 4;
const HOOK_INSN = 2;
const INS_SYSCALL = 699;

let forms: Forms;
beforeAll(async () => {
  forms = await buildForms();
});

describe.each(['js', 'wasm'] as const)('%s', (name) => {
  const load = (): Promise<UnicornModule> => forms[name].load();

  test('code runs, hooks see it, a system call stops it', async () => {
    const module = await load();
    const engine = open(module);
    // inc rax; inc rax; syscall; inc rax
    write(module, engine, [0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0, 0x0f, 0x05, 0x48, 0xff, 0xc0]);
    const seen: number[][] = [];
    hook(module, engine, HOOK_CODE, 'vijii', (...args) => {
      seen.push(args);
      return undefined;
    });
    hook(module, engine, HOOK_INSN, 'vii', () => module.uc.uc_emu_stop(engine), INS_SYSCALL);
    expect(module.uc.uc_emu_start(engine, CODE, 0, 0x2000, 0, 0, 0, 0)).toBe(0);
    expect(read(module, engine, RAX)).toBe(2n);
    // Engine, address as two halves, size, user data: exactly what the C prototype says.
    expect(seen[0]).toEqual([engine, CODE, 0, 3, 99]);
    expect(seen.map((args) => args[1])).toEqual([CODE, CODE + 3, CODE + 6]);
  });

  test('instances share nothing', async () => {
    const [one, two] = await Promise.all([load(), load()]);
    const [a, b] = [open(one), open(two)];
    write(one, a, [0x48, 0xff, 0xc0]);
    write(two, b, [0x48, 0xff, 0xc8]);
    one.uc.uc_emu_start(a, CODE, 0, CODE + 3, 0, 0, 0, 0);
    two.uc.uc_emu_start(b, CODE, 0, CODE + 3, 0, 0, 0, 0);
    expect(read(one, a, RAX)).toBe(1n);
    expect(read(two, b, RAX)).toBe(2n ** 64n - 1n);
    expect(one.heap.buffer).not.toBe(two.heap.buffer);
  });

  test('the heap grows, its view with it, and what was in it stays', async () => {
    const module = await load();
    const before = module.heap;
    const small = module.malloc(16);
    before.set([1, 2, 3], small);
    const large = module.malloc(64 << 20);
    expect(large).toBeGreaterThan(0);
    expect(module.heap.length).toBeGreaterThan(64 << 20);
    expect([...module.heap.subarray(small, small + 3)]).toEqual([1, 2, 3]);
    expect(module.malloc(2 ** 31 - 65536)).toBe(0);
    module.free(large);
  });

  test('a freed table slot is used again', async () => {
    const module = await load();
    const first = module.addFunction(() => 0, 'ii');
    const second = module.addFunction(() => 0, 'iiji');
    expect(second).toBe(first + 1);
    module.removeFunction(first);
    expect(module.addFunction(() => 0, 'i')).toBe(first);
  });

  test('what the engine cannot do ends in an error that says so, and prints nothing', async () => {
    const log = vi.spyOn(console, 'log');
    const error = vi.spyOn(console, 'error');
    const module = await load();
    const engine = open(module);
    write(module, engine, [0x90, 0x90]);
    // A timeout asks for a thread, which there is none.
    const run = (): number => module.uc.uc_emu_start(engine, CODE, 0, CODE + 2, 0, 1000, 0, 0);
    expect(run).toThrow(EngineAbort);
    expect(module.printed()).not.toBe('');
    expect(log).not.toHaveBeenCalled();
    expect(error).not.toHaveBeenCalled();
  });

  test('messages are read from its memory', async () => {
    const module = await load();
    const text = module.uc.uc_strerror(6);
    const end = module.heap.indexOf(0, text);
    expect(new TextDecoder().decode(module.heap.subarray(text, end))).toContain(
      'UC_ERR_READ_UNMAPPED',
    );
  });
});

test('a module that was compiled once is instantiated as it is', async () => {
  const compiled = await WebAssembly.compile(forms.wasmBytes);
  const { loadWasmModule } = await import('../../../src/engine/unicorn1/wasm-module.js');
  const module = await loadWasmModule(compiled);
  expect(open(module)).toBeGreaterThan(0);
});

test('signatures: 64-bit arguments are two', () => {
  expect(arityOf('v')).toBe(0);
  expect(arityOf('viijii')).toBe(6);
  expect(() => arityOf('vid')).toThrow(/not i, j or p/);
});

function open(module: UnicornModule): number {
  const out = module.malloc(8);
  expect(module.uc.uc_open(4, 8, out)).toBe(0);
  const engine = new DataView(module.heap.buffer).getUint32(out, true);
  module.free(out);
  expect(module.uc.uc_mem_map(engine, CODE, 0, 0x1000, 7)).toBe(0);
  return engine;
}

function write(module: UnicornModule, engine: number, bytes: readonly number[]): void {
  const from = module.malloc(bytes.length);
  module.heap.set(bytes, from);
  expect(module.uc.uc_mem_write(engine, CODE, 0, from, bytes.length)).toBe(0);
  module.free(from);
}

function read(module: UnicornModule, engine: number, register: number): bigint {
  const out = module.malloc(8);
  expect(module.uc.uc_reg_read(engine, register, out)).toBe(0);
  return new DataView(module.heap.buffer).getBigUint64(out, true);
}

function hook(
  module: UnicornModule,
  engine: number,
  type: number,
  signature: string,
  fn: (...args: number[]) => number | undefined,
  extra = 0,
): void {
  const out = module.malloc(8);
  const index = module.addFunction(fn, signature);
  expect(module.uc.uc_hook_add(engine, out, type, index, 99, 1, 0, 0, 0, extra)).toBe(0);
}
