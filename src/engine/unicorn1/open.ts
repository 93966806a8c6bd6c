/**
 * Opens Unicorn 1 engines. Loading a module and opening a CPU in it takes far longer than a guest's
 * first instructions, so a machine whose engine was closed is kept and given to the next one; one that
 * broke is dropped with its module. Each open engine has a module of its own.
 */
import type { Arch } from '../../base/address.js';
import { engineAssets } from '../assets.js';
import type { Engine, EngineOptions } from '../engine.js';
import { Unicorn1Engine } from './adapter.js';
import { loadJsModule } from './js-module.js';
import { Machine } from './machine.js';
import type { ModuleOptions, UnicornModule } from './module.js';
import { Ram } from './ram.js';
import { loadWasmModule } from './wasm-module.js';

export type Form = UnicornModule['form'];

interface Idle {
  readonly machine: Machine;
  readonly ram: Ram;
}

/** Machines kept at most for each form and architecture. */
const KEPT = 2;
/** One that has taken more pages than this is dropped, so that one large guest does not hold memory. */
const KEPT_PAGES = 4096;

const pool = new Map<`${Form} ${Arch}`, Idle[]>();
let compiled: Promise<WebAssembly.Module> | undefined;

export async function openUnicorn1(form: Form, options: EngineOptions): Promise<Engine> {
  const key = `${form} ${options.arch}` as const;
  const idle = pool.get(key)?.pop() ?? (await openMachine(form, options.arch));
  const name = form === 'wasm' ? 'unicorn1' : 'unicorn1-js';
  return new Unicorn1Engine(name, idle, options, (reusable) => {
    const kept = pool.get(key) ?? [];
    if (reusable && kept.length < KEPT && idle.ram.pages <= KEPT_PAGES) kept.push(idle);
    pool.set(key, kept);
  });
}

async function openMachine(form: Form, arch: Arch): Promise<Idle> {
  const machine = new Machine(await loadModule(form), arch);
  return { machine, ram: new Ram(machine) };
}

/** Guests must not see the host's time: the same program runs the same way twice. */
function clock(): ModuleOptions {
  let now = 0;
  return { now: () => ++now };
}

async function loadModule(form: Form): Promise<UnicornModule> {
  const assets = await engineAssets();
  if (form === 'js') return loadJsModule(await assets.factory('unicorn1-js.mjs'), clock());
  compiled ??= assets.bytes('unicorn1.wasm').then((bytes) => WebAssembly.compile(bytes));
  return loadWasmModule(await compiled, clock());
}
