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

export type ModuleImports = Record<
  string,
  Record<string, (...args: number[]) => number | undefined>
>;

/** The module gave up: it may not be called again. The message carries what it printed last. */
export class EngineAbort extends Error {
  override readonly name = 'EngineAbort';
}

const PAGE = 65536;
const HEAP_LIMIT = 2 ** 31;
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
  const now = options.now ?? (() => performance.now());
  const dateNow = options.now ?? (() => Date.now());
  let printed = '';
  let bound: Bound | undefined;
  let heap = new Uint8Array(0);

  const use = (): Bound => bound ?? abort('an import was called before the module was complete');
  /** The view detaches (WebAssembly) or goes stale (JavaScript form) when the memory grows. */
  const bytes = (): Uint8Array => {
    const buffer = use().memory.buffer;
    if (heap.buffer !== buffer) heap = new Uint8Array(buffer);
    return heap;
  };
  /** What it says again and again is kept once (a warning at every open). */
  const print = (text: string): void => {
    if (!printed.endsWith(text)) printed = (printed + text).slice(-PRINTED_LIMIT);
  };
  function abort(what: string): never {
    throw new EngineAbort(printed === '' ? what : `${what}; the engine printed: ${printed.trim()}`);
  }
  const cString = (pointer: number): string => {
    if (pointer === 0) return '?';
    const from = bytes();
    let end = pointer;
    while (from[end]) end++;
    return String.fromCharCode(...from.subarray(pointer, Math.min(end, pointer + 1024)));
  };
  const view = (): DataView => new DataView(bytes().buffer);

  /** A call across which longjmp stops: setjmp's frame then reads the code set by setThrew. */
  const invoke: ModuleFunction = (index, ...args) => {
    const { table, stackSave, stackRestore, setThrew } = use();
    const stack = stackSave();
    try {
      const target = table.get(index);
      return target ? target(...args) : abort(`call of empty table slot ${index}`);
    } catch (error) {
      stackRestore(stack);
      if (error !== LONGJMP) throw error;
      setThrew(1, 0);
      return 0;
    }
  };

  /** Grows by a fifth (at most 96 MiB) more than needed, then by less, as Emscripten does. */
  const resizeHeap: ModuleFunction = (wanted) => {
    const requested = wanted >>> 0;
    const length = bytes().length;
    if (requested > HEAP_LIMIT) return 0;
    for (const divisor of [1, 2, 4]) {
      const generous = Math.min(length * (1 + 0.2 / divisor), requested + 96 * 1024 * 1024);
      const target = Math.min(HEAP_LIMIT, Math.ceil(Math.max(requested, generous) / PAGE) * PAGE);
      try {
        use().memory.grow((target - length) / PAGE);
        return 1;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        print(`cannot grow the heap to ${target} bytes\n`);
      }
    }
    return 0;
  };

  const env: ModuleImports[string] = {
    __assert_fail: (condition, file, line) =>
      abort(`assertion failed: ${cString(condition ?? 0)} (${cString(file ?? 0)}:${line})`),
    __call_sighandler: (handler, signal) => invoke(handler ?? 0, signal ?? 0),
    _abort_js: () => abort('the engine called abort()'),
    _emscripten_runtime_keepalive_clear: () => undefined,
    _emscripten_throw_longjmp: () => {
      throw LONGJMP;
    },
    _mmap_js: () => ENOSYS,
    _munmap_js: () => undefined,
    emscripten_date_now: () => dateNow(),
    emscripten_err: (text) => {
      print(`${cString(text ?? 0).trim()}\n`);
      return undefined;
    },
    emscripten_get_now: () => now(),
    emscripten_resize_heap: resizeHeap,
    exit: (code) => abort(`the engine called exit(${code})`),
  };
  for (const signature of INVOKES) env[`invoke_${signature}`] = invoke;

  const wasi: ModuleImports[string] = {
    clock_time_get: (clock = 0, _precisionLo, _precisionHi, out = 0) => {
      if (clock < 0 || clock > 3) return WASI_EINVAL;
      const nanoseconds = BigInt(Math.round((clock === 0 ? dateNow() : now()) * 1e6));
      view().setBigUint64(out, nanoseconds, true);
      return 0;
    },
    fd_close: () => abort('the engine called close()'),
    fd_seek: () => WASI_ESPIPE,
    fd_write: (_fd, vectors = 0, count = 0, writtenOut = 0) => {
      const memory = view();
      let written = 0;
      for (let i = 0; i < count; i++) {
        const start = memory.getUint32(vectors + 8 * i, true);
        const length = memory.getUint32(vectors + 8 * i + 4, true);
        print(String.fromCharCode(...bytes().subarray(start, start + length)));
        written += length;
      }
      memory.setUint32(writtenOut, written, true);
      return 0;
    },
    proc_exit: (code) => abort(`the engine left with code ${code}`),
  };

  const start: Shell['start'] = (exports, form, entry) => {
    const fn = (name: string): ModuleFunction => {
      const found = exports[name];
      if (typeof found !== 'function') throw new TypeError(`the engine module lacks ${name}`);
      return found as ModuleFunction;
    };
    const table = exports.__indirect_function_table as ModuleTable;
    bound = {
      memory: exports.memory as ModuleMemory,
      table,
      stackSave: fn('emscripten_stack_get_current'),
      stackRestore: fn('_emscripten_stack_restore'),
      setThrew: fn('setThrew'),
    };
    fn('emscripten_stack_init')();
    fn('__wasm_call_ctors')();

    const freeSlots: number[] = [];
    const malloc = fn('malloc');
    return {
      form,
      get heap() {
        return bytes();
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
      printed: () => printed,
    };
  };

  return { imports: { env, wasi_snapshot_preview1: wasi }, start };
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
  };
}
