/**
 * One instance of the Unicorn 1.0.3 module, in whichever form it was built: the package's own
 * JavaScript (wasm2js) or the WebAssembly that the build makes of it. The adapter sees only this.
 */
export interface UnicornModule {
  /** 'wasm': translated back to WebAssembly; 'js': the package's JavaScript. */
  readonly form: 'wasm' | 'js';
  /**
   * The module's whole linear memory. Growth replaces the view: read it afresh after any call that
   * may allocate (`malloc`, `uc_open`, `uc_mem_map`, `uc_emu_start`).
   */
  readonly heap: Uint8Array;
  readonly uc: UnicornCalls;
  /** Allocates in linear memory; returns 0 when it is exhausted. */
  malloc(bytes: number): number;
  free(pointer: number): void;
  /**
   * Puts a JavaScript function into the module's table and returns its index, for `uc_hook_add`.
   * `signature` is Emscripten's, result first: 'viijii' (64-bit `j` arguments arrive as two i32,
   * low then high). The function receives exactly the arguments of its C prototype.
   */
  addFunction(fn: HostFunction, signature: string): number;
  removeFunction(index: number): void;
  /** The last 4 KiB of what the module wrote to its console; nothing reaches the host's. */
  printed(): string;
}

export interface ModuleOptions {
  /** The clock in milliseconds, for repeatable runs; the host's clocks by default. */
  readonly now?: () => number;
}

/** A JavaScript function called from the module. It must not throw: the frames below are not unwound. */
export type HostFunction = (...args: number[]) => number | undefined;

/** The C API. Pointers and 32-bit values are one number, 64-bit values two: low, high. */
export interface UnicornCalls {
  uc_open(arch: number, mode: number, handleOut: number): number;
  uc_close(handle: number): number;
  uc_strerror(code: number): number;
  uc_reg_read(handle: number, reg: number, valueOut: number): number;
  uc_reg_write(handle: number, reg: number, value: number): number;
  uc_reg_read_batch(handle: number, regs: number, values: number, count: number): number;
  uc_reg_write_batch(handle: number, regs: number, values: number, count: number): number;
  uc_mem_read(handle: number, lo: number, hi: number, out: number, length: number): number;
  uc_mem_write(handle: number, lo: number, hi: number, bytes: number, length: number): number;
  uc_mem_map(handle: number, lo: number, hi: number, length: number, prot: number): number;
  uc_mem_map_ptr(
    handle: number,
    lo: number,
    hi: number,
    length: number,
    prot: number,
    pointer: number,
  ): number;
  uc_mem_protect(handle: number, lo: number, hi: number, length: number, prot: number): number;
  uc_mem_unmap(handle: number, lo: number, hi: number, length: number): number;
  uc_hook_add(
    handle: number,
    hookOut: number,
    type: number,
    callback: number,
    userData: number,
    beginLo: number,
    beginHi: number,
    endLo: number,
    endHi: number,
    extra: number,
  ): number;
  uc_hook_del(handle: number, hook: number): number;
  uc_emu_start(
    handle: number,
    beginLo: number,
    beginHi: number,
    untilLo: number,
    untilHi: number,
    timeoutLo: number,
    timeoutHi: number,
    count: number,
  ): number;
  uc_emu_stop(handle: number): number;
  /** Ours (patch-translations.ts): drops all translated code. */
  flush_code(env: number): number;
  /** Drops what was translated from RAM addresses [start, end), within one page; `byGuest` is 0. */
  invalidate_code(handle: number, start: number, end: number, byGuest: number): number;
}
