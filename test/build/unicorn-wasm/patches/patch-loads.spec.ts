/** PEXTRW, which ends the engine as the package has it, works in both forms once patched. */
import { expect, test } from 'vitest';
import { patchLoads } from '../../../../src/build/unicorn-wasm/patches/patch-loads.js';
import { jsForm, readSource } from '../../../../src/build/unicorn-wasm/read/source.js';
import { translate } from '../../../../src/build/unicorn-wasm/translate.js';
import { loadJsModule } from '../../../../src/engine/unicorn1/js-module.js';
import type { UnicornModule } from '../../../../src/engine/unicorn1/module.js';
import { EngineAbort } from '../../../../src/engine/unicorn1/shell.js';
import { loadWasmModule } from '../../../../src/engine/unicorn1/wasm-module.js';
import { buildForms, INPUT } from '../forms.js';

const CODE = 0x1000;
const RAX = 35;

/** movq xmm1, rbx; pextrw eax, xmm1, 2 */
function extractWord(module: UnicornModule): bigint {
  const p = module.malloc(64);
  const { uc } = module;
  const view = (): DataView => new DataView(module.heap.buffer);
  expect(uc.uc_open(4, 8, p)).toBe(0);
  const engine = view().getUint32(p, true);
  expect(uc.uc_mem_map(engine, CODE, 0, 0x1000, 7)).toBe(0);
  const code = [0x66, 0x48, 0x0f, 0x6e, 0xcb, 0x66, 0x0f, 0xc5, 0xc1, 2];
  module.heap.set(code, p);
  expect(uc.uc_mem_write(engine, CODE, 0, p, code.length)).toBe(0);
  view().setBigUint64(p, 0x1122_f344_5566_7788n, true);
  expect(uc.uc_reg_write(engine, 37, p)).toBe(0);
  expect(uc.uc_emu_start(engine, CODE, 0, CODE + code.length, 0, 0, 0, 0)).toBe(0);
  expect(uc.uc_reg_read(engine, RAX, p)).toBe(0);
  return view().getBigUint64(p, true);
}

test('as the package has it', async () => {
  const { js, wasm } = await buildForms();
  for (const form of [js, wasm]) {
    const module = await form.load();
    expect(() => extractWord(module)).toThrow(EngineAbort);
    expect(() => extractWord(module)).toThrow(/tci\.c/);
  }
});

test('patched', async () => {
  const source = patchLoads(await readSource(INPUT));
  const text = Buffer.from(jsForm(source)).toString('base64');
  const { default: factory } = await import(
    /* @vite-ignore */ `data:text/javascript;base64,${text}`
  );
  expect(extractWord(loadJsModule(factory))).toBe(0xf344n);
  const bytes = new Uint8Array(translate(source).bytes);
  expect(extractWord(await loadWasmModule(bytes))).toBe(0xf344n);
});

test('another text is refused', () => {
  expect(() => patchLoads('case 14:')).toThrow(/found 0/);
});
