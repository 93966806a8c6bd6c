/** Opens a CPU engine: which there are, which one `auto` means, and why. */
import { MayexecError, unknownValue } from '../base/errors.js';
import type { EngineAssets } from './asset-files.js';
import { engineAssets } from './assets.js';
import type { Engine, EngineOptions } from './engine.js';
import { loadUnicorn1, openUnicorn1, openUnicorn1InSteps } from './unicorn1/open.js';

export const ENGINE_KINDS = ['auto', 'unicorn1', 'unicorn1-js', 'unicorn2'] as const;
/** `unicorn1`: as WebAssembly when the host has it. `unicorn1-js`: the same engine as JavaScript. */
export type EngineKind = (typeof ENGINE_KINDS)[number];

export interface EngineInfo {
  readonly name: 'unicorn1' | 'unicorn2';
  readonly form: 'wasm' | 'js';
  /** Of Unicorn. */
  readonly version: string;
  /** Why this one: for people. */
  readonly why: string;
}

export interface OpenedEngine {
  readonly engine: Engine;
  readonly info: EngineInfo;
}

export interface EngineDescription {
  readonly name: Exclude<EngineKind, 'auto'>;
  readonly present: boolean;
  readonly version: string;
  /** What it is when present; what is missing when not. */
  readonly why: string;
}

const UNICORN1_VERSION = '1.0.3';
const UNICORN2_VERSION = '2.1.4';
/** The shortest that there is: its magic number and version. */
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const UNICORN2_UNSUPPORTED =
  'engine unicorn2 is not supported in this version of mayexec: it has no adapter for @alexaltea/unicorn-js, installed or not';

export async function openEngine(kind: EngineKind, options: EngineOptions): Promise<OpenedEngine> {
  checkMemory(options);
  const info = await engineInfo(kind);
  const engine = await openUnicorn1InSteps(info.form, options);
  loaded.set(kind, info);
  return { engine, info };
}

/** Of the kinds that have been loaded: which they are here. */
const loaded = new Map<EngineKind, EngineInfo>();

/** Fetches and compiles an engine, so that `openLoadedEngine` can open it. */
export async function loadEngine(kind: EngineKind): Promise<void> {
  if (loaded.has(kind)) return;
  const info = await engineInfo(kind);
  await loadUnicorn1(info.form);
  loaded.set(kind, info);
}

/** As `openEngine`, at once: one of the kind has been loaded, or opened. */
export function openLoadedEngine(kind: EngineKind, options: EngineOptions): OpenedEngine {
  checkMemory(options);
  const info = loaded.get(kind);
  if (info === undefined) {
    throw new MayexecError(
      `engine ${kind} is not loaded yet: await Sandbox.create or openCalls first`,
    );
  }
  return { engine: openUnicorn1(info.form, options), info };
}

function checkMemory({ memory }: EngineOptions): void {
  if (Number.isInteger(memory / 4096) && memory > 0) return;
  throw new MayexecError(`${memory} bytes of memory: a multiple of 4096 is needed`);
}

/** Which engine `openEngine` would open. */
export async function engineInfo(kind: EngineKind = 'auto'): Promise<EngineInfo> {
  if (!ENGINE_KINDS.includes(kind)) throw unknownValue('engine', kind, ENGINE_KINDS);
  if (kind === 'unicorn2') throw new MayexecError(UNICORN2_UNSUPPORTED);
  const one = (form: 'wasm' | 'js', why: string): EngineInfo => ({
    name: 'unicorn1',
    form,
    version: UNICORN1_VERSION,
    why,
  });
  // One is asked for after the other: to find out whether a form is there means to read it.
  const wasm = kind === 'unicorn1-js' ? undefined : await form('wasm');
  if (wasm?.present) return one('wasm', kind === 'unicorn1' ? 'asked for' : 'the default');
  const js = await form('js');
  if (!js.present) {
    const missing = kind === 'unicorn1-js' ? js : wasm!;
    throw new MayexecError(`engine ${missing.name} is not there: ${missing.why}`);
  }
  return one('js', kind === 'unicorn1-js' ? 'asked for' : (wasm?.why ?? ''));
}

const described = new Map<'wasm' | 'js', Promise<EngineDescription>>();

/** Every engine, with those that cannot be opened here and the reason. Found out once. */
export function describeEngines(): Promise<readonly EngineDescription[]> {
  const none: EngineDescription = {
    name: 'unicorn2',
    version: UNICORN2_VERSION,
    present: false,
    why: UNICORN2_UNSUPPORTED,
  };
  return Promise.all([form('wasm'), form('js'), none]);
}

function form(which: 'wasm' | 'js'): Promise<EngineDescription> {
  const known = described.get(which);
  if (known !== undefined) return known;
  const found = describe(which);
  described.set(which, found);
  return found;
}

async function describe(which: 'wasm' | 'js'): Promise<EngineDescription> {
  const version = UNICORN1_VERSION;
  const name = which === 'wasm' ? 'unicorn1' : 'unicorn1-js';
  const what = which === 'wasm' ? 'WebAssembly' : 'JavaScript';
  try {
    const assets = await engineAssets();
    if (which === 'js') await assets.factory('unicorn1-js.mjs');
    else await tryWasm(assets);
    return { name, version, present: true, why: `Unicorn ${version} as ${what}` };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { name, version, present: false, why: why.split('\n', 1)[0] ?? '' };
  }
}

async function tryWasm(assets: EngineAssets): Promise<void> {
  if (typeof WebAssembly !== 'object') throw new Error('this host has no WebAssembly');
  // A page's Content-Security-Policy can forbid it, which shows only when something is compiled.
  await WebAssembly.compile(EMPTY_MODULE);
  await assets.bytes('unicorn1.wasm');
}
