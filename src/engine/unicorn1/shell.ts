/**
 * The run-time shell around one instance of the Unicorn 1.0.3 module: the functions that the C code
 * imports (heap growth, clocks, a console, setjmp/longjmp) and the typed face that the adapter sees.
 *
 * Both forms of the module import and export the same names, so one shell serves both; only the way
 * in which a JavaScript function enters the table differs.
 */
import type { HostFunction, ModuleOptions, UnicornCalls, UnicornModule } from './module.js';

/** A number or nothing: what crosses between the module and its imports. */
export type ModuleFunction = (...args: number[]) => number;

export interface ModuleTable {
  readonly length: number;
  get(index: number): ModuleFunction | null;
  set(index: number, fn: ModuleFunction | null): void;
  grow(by: number): number;
}

export interface ModuleMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What either form exports: `memory`, the table, and functions on numbers. */
export type ModuleExports = Readonly<Record<string, unknown>>;

type ImportTable = Record<string, (...args: number[]) => number | undefined>;

export type ModuleImports = Record<string, ImportTable>;

/** The module gave up: it may not be called again. The message carries what it printed last. */
export class EngineAbort extends Error {
  override readonly name = 'EngineAbort';
}

const PAGE = 65536;
/** Bytes of the module's memory at most. */
export const HEAP_LIMIT = 2 ** 31;
/** What longjmp throws through the frames; invoke_* tells it by being a number. */
const LONGJMP = Number.POSITIVE_INFINITY;
const PRINTED_LIMIT = 4096;
const ENOSYS = -52;
const WASI_EINVAL = 28;
const WASI_ESPIPE = 70;

/** The signatures for which the C code asks a guarded call. `j` is two i32 here. */
const INVOKES = [
  'ii',
  'iii',
  'iiiiiii',
  'iij',
  'iijjii',
  'vi',
  'vii',
  'viii',
  'viiii',
  'viij',
  'vij',
] as const;

export interface Shell {
  readonly imports: ModuleImports;
  /** Takes the exports, runs the module's constructors and returns its typed face. */
  start(exports: ModuleExports, form: UnicornModule['form'], entry: TableEntryMaker): UnicornModule;
}

/** Makes the table entry for a JavaScript function that takes `arity` numbers. */
export type TableEntryMaker = (fn: ModuleFunction, arity: number) => ModuleFunction;

interface Bound {
  readonly memory: ModuleMemory;
  readonly table: ModuleTable;
  readonly stackSave: ModuleFunction;
  readonly stackRestore: ModuleFunction;
  readonly setThrew: ModuleFunction;
}

export function createShell(options: ModuleOptions = {}): Shell {
  const host = new Host(options);
  return {
    imports: { env: envImports(host), wasi_snapshot_preview1: wasiImports(host) },
    start: (exports, form, entry) => start(host, exports, form, entry),
  };
}

/** What the imports share: the instance's memory and table, its clock, and what it printed. */
class Host {
  readonly now: () => number;
  readonly dateNow: () => number;
  /** Set when the instance exists; imports are called only after that. */
  bound: Bound | undefined;
  printed = '';
  /** Growth detaches views of WebAssembly's memory, which shows without asking for its buffer: that is slow. */
  detaches = false;
  #heap = new Uint8Array(0);

  constructor({ now }: ModuleOptions) {
    this.now = now ?? (() => performance.now());
    this.dateNow = now ?? (() => Date.now());
  }

  use(): Bound {
    return this.bound ?? this.abort('an import was called before the module was complete');
  }

  /** The view detaches (WebAssembly) or goes stale (JavaScript form) when the memory grows. */
  heap(): Uint8Array {
    if (this.detaches && this.#heap.length > 0) return this.#heap;
    const { buffer } = this.use().memory;
    if (this.#heap.buffer !== buffer) this.#heap = new Uint8Array(buffer);
    return this.#heap;
  }

  view(): DataView {
    return new DataView(this.heap().buffer);
  }

  /** What it says again and again is kept once (a warning at every open). */
  print(text: string): void {
    if (!this.printed.endsWith(text)) this.printed = (this.printed + text).slice(-PRINTED_LIMIT);
  }

  abort(what: string): never {
    const said = this.printed.trim();
    throw new EngineAbort(said === '' ? what : `${what}; the engine printed: ${said}`);
  }

  cString(pointer = 0): string {
    if (pointer === 0) return '?';
    const heap = this.heap();
    let end = pointer;
    while (heap[end]) end++;
    return String.fromCharCode(...heap.subarray(pointer, Math.min(end, pointer + 1024)));
  }

  /** A call across which longjmp stops: setjmp's frame then reads the code set by setThrew. */
  invoke(index: number, args: readonly number[]): number {
    const { table, stackSave, stackRestore, setThrew } = this.use();
    const stack = stackSave();
    try {
      const target = table.get(index);
      return target ? target(...args) : this.abort(`call of empty table slot ${index}`);
    } catch (error) {
      stackRestore(stack);
      if (error !== LONGJMP) throw error;
      setThrew(1, 0);
      return 0;
    }
  }

  /** Grows by a fifth (at most 96 MiB) more than needed, then by less, as Emscripten does. */
  resizeHeap(wanted: number): number {
    const requested = wanted >>> 0;
    const { length } = this.heap();
    if (requested > HEAP_LIMIT) return 0;
    for (const divisor of [1, 2, 4]) {
      const generous = Math.min(length * (1 + 0.2 / divisor), requested + 96 * 1024 * 1024);
      const target = Math.min(HEAP_LIMIT, Math.ceil(Math.max(requested, generous) / PAGE) * PAGE);
      try {
        this.use().memory.grow((target - length) / PAGE);
        return 1;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.print(`cannot grow the heap to ${target} bytes\n`);
      }
    }
    return 0;
  }
}

function envImports(host: Host): ImportTable {
  const env: ImportTable = {
    __assert_fail: (condition, file, line) =>
      host.abort(`assertion failed: ${host.cString(condition)} (${host.cString(file)}:${line})`),
    __call_sighandler: (handler = 0, signal = 0) => host.invoke(handler, [signal]),
    _abort_js: () => host.abort('the engine called abort()'),
    _emscripten_runtime_keepalive_clear: () => undefined,
    _emscripten_throw_longjmp: () => {
      throw LONGJMP;
    },
    _mmap_js: () => ENOSYS,
    _munmap_js: () => undefined,
    emscripten_date_now: () => host.dateNow(),
    emscripten_err: (text) => {
      host.print(`${host.cString(text).trim()}\n`);
      return undefined;
    },
    emscripten_get_now: () => host.now(),
    emscripten_resize_heap: (wanted = 0) => host.resizeHeap(wanted),
    exit: (code) => host.abort(`the engine called exit(${code})`),
  };
  for (const signature of INVOKES)
    env[`invoke_${signature}`] = (index = 0, ...args) => host.invoke(index, args);
  return env;
}

function wasiImports(host: Host): ImportTable {
  return {
    clock_time_get: (clock = 0, _precisionLo, _precisionHi, out = 0) => {
      if (clock < 0 || clock > 3) return WASI_EINVAL;
      const milliseconds = clock === 0 ? host.dateNow() : host.now();
      host.view().setBigUint64(out, BigInt(Math.round(milliseconds * 1e6)), true);
      return 0;
    },
    fd_close: () => host.abort('the engine called close()'),
    fd_seek: () => WASI_ESPIPE,
    fd_write: (_fd, vectors = 0, count = 0, writtenOut = 0) => {
      const memory = host.view();
      let written = 0;
      for (let i = 0; i < count; i++) {
        const start = memory.getUint32(vectors + 8 * i, true);
        const length = memory.getUint32(vectors + 8 * i + 4, true);
        host.print(String.fromCharCode(...host.heap().subarray(start, start + length)));
        written += length;
      }
      memory.setUint32(writtenOut, written, true);
      return 0;
    },
    proc_exit: (code) => host.abort(`the engine left with code ${code}`),
  };
}

function start(
  host: Host,
  exports: ModuleExports,
  form: UnicornModule['form'],
  entry: TableEntryMaker,
): UnicornModule {
  const fn = (name: string): ModuleFunction => {
    const found = exports[name];
    if (typeof found !== 'function') throw new TypeError(`the engine module lacks ${name}`);
    return found as ModuleFunction;
  };
  const table = exports.__indirect_function_table as ModuleTable;
  host.bound = {
    memory: exports.memory as ModuleMemory,
    table,
    stackSave: fn('emscripten_stack_get_current'),
    stackRestore: fn('_emscripten_stack_restore'),
    setThrew: fn('setThrew'),
  };
  host.detaches = form === 'wasm';
  fn('emscripten_stack_init')();
  fn('__wasm_call_ctors')();

  const freeSlots: number[] = [];
  const malloc = fn('malloc');
  return {
    form,
    get heap() {
      return host.heap();
    },
    uc: bindCalls(fn),
    malloc: (length) => malloc(length) >>> 0,
    free: fn('free'),
    addFunction(hook: HostFunction, signature: string) {
      const index = freeSlots.pop() ?? table.grow(1);
      table.set(index, entry(hook as ModuleFunction, arityOf(signature)));
      return index;
    },
    removeFunction(index) {
      table.set(index, null);
      freeSlots.push(index);
    },
    printed: () => host.printed,
  };
}

/** The number of 32-bit arguments of an Emscripten signature, whose first letter is the result. */
export function arityOf(signature: string): number {
  let arity = 0;
  for (const letter of signature.slice(1)) {
    if (letter !== 'i' && letter !== 'j' && letter !== 'p')
      throw new TypeError(`signature ${signature}: ${letter} is not i, j or p`);
    arity += letter === 'j' ? 2 : 1;
  }
  return arity;
}

/** The exports themselves, without a wrapper: a call costs only the crossing. */
function bindCalls(fn: (name: string) => ModuleFunction): UnicornCalls {
  return {
    uc_open: fn('uc_open'),
    uc_close: fn('uc_close'),
    uc_strerror: fn('uc_strerror'),
    uc_reg_read: fn('uc_reg_read'),
    uc_reg_write: fn('uc_reg_write'),
    uc_reg_read_batch: fn('uc_reg_read_batch'),
    uc_reg_write_batch: fn('uc_reg_write_batch'),
    uc_mem_read: fn('uc_mem_read'),
    uc_mem_write: fn('uc_mem_write'),
    uc_mem_map: fn('uc_mem_map'),
    uc_mem_map_ptr: fn('uc_mem_map_ptr'),
    uc_mem_protect: fn('uc_mem_protect'),
    uc_mem_unmap: fn('uc_mem_unmap'),
    uc_hook_add: fn('uc_hook_add'),
    uc_hook_del: fn('uc_hook_del'),
    uc_emu_start: fn('uc_emu_start'),
    uc_emu_stop: fn('uc_emu_stop'),
    // The package's own text, which tests compare with, lacks these: who calls them is told.
    flush_code: (env) => fn('flush_code')(env),
    invalidate_code: (...range) => fn('invalidate_code')(...range),
  };
}
