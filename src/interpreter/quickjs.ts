/**
 * QuickJS, a JavaScript interpreter in WebAssembly: foreign text runs in it and reaches nothing outside. Each
 * interpreter is an instance of its own, with little memory, and with fuel: a counter in the WebAssembly that every turn
 * of every loop takes one from (src/build/metered-wasm.mjs). What is out of fuel has ended for good.
 */
import {
  type EmscriptenModuleLoader,
  type Intrinsics,
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSEmscriptenModule,
  type QuickJSHandle,
} from 'quickjs-emscripten-core';
import { MayexecError } from '../base/errors.js';
import { quickjsWasm } from '../toolchain/modules.js';

type ModuleLoader = EmscriptenModuleLoader<QuickJSEmscriptenModule>;

/** Turns of loops: some seconds. */
const FUEL_AT_MOST = 200_000_000;
/** For one evaluation or call: a tenth of a second or so. */
const FUEL_FOR_ONE = 10_000_000;
/** Bytes; an interpreter with nothing in it has some 200,000. */
const MEMORY = 4 << 20;
const STACK = 128 << 10;

/** Time, chance and what comes later are not there: the same text answers the same. */
const LANGUAGE: Intrinsics = {
  BaseObjects: true,
  Eval: true,
  JSON: true,
  MapSet: true,
  RegExp: true,
  BigInt: true,
  StringNormalize: true,
};

/** What is wrong with a text that was to be interpreted. */
export class TextError extends MayexecError {
  override readonly name = 'TextError';
  /** From 1; undefined where it is not known. */
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}

export class Interpreter {
  readonly #context: QuickJSContext;
  readonly #fuel: WebAssembly.Global;
  #left = FUEL_AT_MOST;
  /** Whose lines errors name: that of the last script. */
  #file = '';
  /** Why it answers no more. */
  #ended: string | undefined;

  private constructor(context: QuickJSContext, fuel: WebAssembly.Global) {
    this.#context = context;
    this.#fuel = fuel;
  }

  static async create(): Promise<Interpreter> {
    const wasm = await quickjsWasm();
    let fuel: WebAssembly.Global | undefined;
    const instantiateWasm = async (
      imports: WebAssembly.Imports,
      done: (instance: WebAssembly.Instance) => void,
    ): Promise<WebAssembly.Exports> => {
      const instance = await WebAssembly.instantiate(wasm, imports);
      fuel = instance.exports.fuel as WebAssembly.Global;
      fuel.value = FUEL_FOR_ONE;
      done(instance);
      return instance.exports;
    };
    const module = await newQuickJSWASMModuleFromVariant({
      type: 'sync',
      importFFI: async () => (await import('@jitl/quickjs-wasmfile-release-sync/ffi')).QuickJSFFI,
      importModuleLoader: async () => {
        // The declarations say `default` of what is the default already.
        const script: unknown = await import(
          '@jitl/quickjs-wasmfile-release-sync/emscripten-module'
        );
        const load = (script as { readonly default: ModuleLoader }).default;
        return (options) => load({ ...options, instantiateWasm });
      },
    });
    if (fuel === undefined) throw new MayexecError('QuickJS has no counter: run npm run build');
    const runtime = module.newRuntime({ memoryLimitBytes: MEMORY, maxStackSizeBytes: STACK });
    return new Interpreter(runtime.newContext({ intrinsics: LANGUAGE }), fuel);
  }

  /** Evaluates a script. @throws TextError for a mistake in it, an exception, or no end. */
  run(text: string, file: string): void {
    this.#file = file;
    this.#within(() => this.#taken(this.#context.evalCode(text, file)).dispose());
  }

  /** Calls a global function with texts. Its answer is a text. @throws TextError */
  call(name: string, ...args: readonly string[]): string {
    return this.#within(() => {
      const context = this.#context;
      const made: QuickJSHandle[] = [];
      const own = (handle: QuickJSHandle): QuickJSHandle => {
        made.push(handle);
        return handle;
      };
      try {
        const called = own(context.getProp(context.global, name));
        const given = args.map((arg) => own(context.newString(arg)));
        const answer = own(this.#taken(context.callFunction(called, context.undefined, ...given)));
        return context.getString(answer);
      } finally {
        for (const handle of made) handle.dispose();
      }
    });
  }

  #within<T>(action: () => T): T {
    if (this.#ended !== undefined) throw new TextError(this.#ended);
    const given = Math.min(this.#left, FUEL_FOR_ONE);
    this.#fuel.value = given;
    try {
      return action();
    } catch (error) {
      if (error instanceof TextError) throw error;
      const spent = Number(this.#fuel.value) <= 0;
      this.#ended = spent
        ? 'the text did not come to an end: it was stopped'
        : 'the interpreter gave up on this text';
      throw new TextError(this.#ended);
    } finally {
      this.#left -= given - Math.max(0, Number(this.#fuel.value));
    }
  }

  #taken(result: ReturnType<QuickJSContext['evalCode']>): QuickJSHandle {
    if (result.error === undefined) return result.value;
    const error: unknown = this.#context.dump(result.error);
    result.error.dispose();
    throw textError(error, this.#file);
  }
}

function textError(error: unknown, file: string): TextError {
  if (typeof error !== 'object' || error === null) return new TextError(`threw ${String(error)}`);
  const { name, message, stack } = error as Readonly<Record<string, unknown>>;
  const place = new RegExp(`${file.replaceAll(/\W/g, '\\$&')}:(\\d+)`).exec(String(stack))?.[1];
  const words = `${String(name)}: ${String(message)}`.slice(0, 300);
  return new TextError(words, place === undefined ? undefined : Number(place));
}
