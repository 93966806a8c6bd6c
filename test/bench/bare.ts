/**
 * The package's engine as it is, in both forms: without the patches that our port asks for, driven by
 * the C interface and its own memory map. What everything else is measured against.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildResult, buildUnicorn } from '../../src/build/unicorn-wasm/build.js';
import { loadJsModule } from '../../src/engine/unicorn1/js-module.js';
import type { HostFunction, UnicornModule } from '../../src/engine/unicorn1/module.js';
import { loadWasmModule } from '../../src/engine/unicorn1/wasm-module.js';
import { CODE, DATA, STACK } from './loops.js';

/** The bundled benchmark lies in .cache/bundled. */
export const ROOT = new URL('../../', import.meta.url);
const inRoot = (file: string): string => fileURLToPath(new URL(file, ROOT));

export type Form = 'wasm' | 'js';

const UC_ARCH_X86 = 4;
const UC_MODE_64 = 8;
const UC_PROT_ALL = 7;
const UC_X86_REG_RDI = 39;
const UC_X86_REG_RSP = 44;
export const UC_HOOK_CODE = 4;
export const UC_HOOK_BLOCK = 8;

export function buildBare(): Promise<BuildResult> {
  return buildUnicorn({
    input: inRoot('node_modules/@specy/x86/dist/x86/deps/unicorn-x86.min.js'),
    outDir: inRoot('.cache/bare-engine'),
    cacheDir: inRoot('.cache/unicorn-wasm'),
    optimise: 'fast',
    log: (line) => process.stderr.write(`${line}\n`),
  });
}

/** From the files to a module that can be called. */
export async function loadBare(form: Form, { wasm, jsForm }: BuildResult): Promise<UnicornModule> {
  if (form === 'wasm') return loadWasmModule(new Uint8Array(await readFile(wasm)));
  return loadJsModule((await import(pathToFileURL(jsForm).href)).default);
}

/** One open CPU with CODE, DATA and STACK mapped. */
export class Bare {
  readonly module: UnicornModule;
  readonly #scratch: number;
  readonly #handle: number;

  constructor(module: UnicornModule) {
    this.module = module;
    this.#scratch = module.malloc(8192);
    this.#check(module.uc.uc_open(UC_ARCH_X86, UC_MODE_64, this.#scratch));
    this.#handle = this.#view().getUint32(this.#scratch, true);
    this.#check(module.uc.uc_mem_map(this.#handle, CODE, 0, 0x40000, UC_PROT_ALL));
  }

  /** Puts code at CODE; it ends where its last byte begins. */
  write(code: Uint8Array): void {
    this.module.heap.set(code, this.#scratch);
    const { uc } = this.module;
    this.#check(uc.uc_mem_write(this.#handle, CODE, 0, this.#scratch, code.length));
  }

  run(length: number): void {
    this.#setRegister(UC_X86_REG_RDI, DATA);
    this.#setRegister(UC_X86_REG_RSP, STACK + 2048);
    const end = CODE + length - 1;
    this.#check(this.module.uc.uc_emu_start(this.#handle, CODE, 0, end, 0, 0, 0, 0));
  }

  /** Calls `hook` for each instruction or block until the returned function is called. */
  hook(type: number, hook: HostFunction): () => void {
    const { uc } = this.module;
    const index = this.module.addFunction(hook, 'vijii');
    const args = [type, index, 0, 1, 0, 0, 0, 0] as const;
    this.#check(uc.uc_hook_add(this.#handle, this.#scratch, ...args));
    const added = this.#view().getUint32(this.#scratch, true);
    return () => {
      this.#check(uc.uc_hook_del(this.#handle, added));
      this.module.removeFunction(index);
    };
  }

  protect(rights: number): void {
    this.#check(this.module.uc.uc_mem_protect(this.#handle, DATA, 0, 4096, rights));
  }

  mapAndUnmap(address: number, length: number): void {
    const { uc } = this.module;
    this.#check(uc.uc_mem_map(this.#handle, address, 0, length, UC_PROT_ALL));
    this.#check(uc.uc_mem_unmap(this.#handle, address, 0, length));
  }

  close(): void {
    this.#check(this.module.uc.uc_close(this.#handle));
    this.module.free(this.#scratch);
  }

  #setRegister(register: number, value: number): void {
    this.#view().setBigUint64(this.#scratch, BigInt(value), true);
    this.#check(this.module.uc.uc_reg_write(this.#handle, register, this.#scratch));
  }

  /** Afresh each time: the heap moves when it grows. */
  #view(): DataView {
    return new DataView(this.module.heap.buffer);
  }

  #check(code: number): void {
    if (code !== 0) throw new Error(`the bare engine answered with code ${code}`);
  }
}
