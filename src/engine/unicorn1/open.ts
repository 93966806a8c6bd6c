/**
 * Opens Unicorn 1 engines. Loading a module and opening a CPU in it takes far longer than a guest's
 * first instructions, so a machine whose engine was closed is kept and given to the next one; one that
 * broke is dropped with its module. Each open engine has a module of its own.
 */
import type { Arch } from '../../base/address.js';
import { InvariantError } from '../../base/errors.js';
import { engineAssets } from '../assets.js';
import { linuxProfile } from '../cpu-profile.js';
import type { Engine, EngineOptions } from '../engine.js';
import { tiering } from '../tiering.js';
import { Unicorn1Engine } from './adapter.js';
import { boot } from './boot.js';
import { loadJsModule } from './js-module.js';
import { Machine } from './machine.js';
import type { ModuleOptions, UnicornModule } from './module.js';
import { Ram } from './ram.js';
import { settleTranslator } from './settle-translator.js';
import { loadWasmModule, startWasmModule } from './wasm-module.js';

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
/** What each form is made from, once it has been fetched. */
let compiled: WebAssembly.Module | undefined;
let factory: unknown;

/** Fetches and compiles what a form needs. */
export async function loadUnicorn1(form: Form): Promise<void> {
  const assets = await engineAssets();
  if (form === 'js') factory ??= await assets.factory('unicorn1-js.mjs');
  else compiled ??= await WebAssembly.compile(await assets.bytes('unicorn1.wasm'));
}

/** Opens one at once: its form has been loaded. */
export function openUnicorn1(form: Form, options: EngineOptions): Engine {
  return engineOf(form, options, idleMachine(form, options.arch) ?? newMachine(form, options.arch));
}

/** As `openUnicorn1`, in steps, which every page allows. */
export async function openUnicorn1InSteps(form: Form, options: EngineOptions): Promise<Engine> {
  await loadUnicorn1(form);
  const { arch } = options;
  const idle = idleMachine(form, arch);
  if (idle !== undefined || form === 'js') {
    return engineOf(form, options, idle ?? newMachine(form, arch));
  }
  const module = await loadWasmModule(compiled ?? notLoaded(form), clock());
  return engineOf(form, options, machineOf(module, arch));
}

function engineOf(form: Form, options: EngineOptions, idle: Idle): Engine {
  const key = `${form} ${options.arch}` as const;
  const name = form === 'wasm' ? 'unicorn1' : 'unicorn1-js';
  return new Unicorn1Engine(name, idle, options, (reusable) => {
    const kept = pool.get(key) ?? [];
    if (reusable && kept.length < KEPT && idle.ram.pages <= KEPT_PAGES) kept.push(idle);
    pool.set(key, kept);
  });
}

function idleMachine(form: Form, arch: Arch): Idle | undefined {
  return pool.get(`${form} ${arch}`)?.pop();
}

function newMachine(form: Form, arch: Arch): Idle {
  const module =
    form === 'js'
      ? loadJsModule(factory ?? notLoaded(form), clock())
      : startWasmModule(compiled ?? notLoaded(form), clock());
  return machineOf(module, arch);
}

function machineOf(module: UnicornModule, arch: Arch): Idle {
  const machine = new Machine(module, arch);
  const ram = new Ram(machine);
  const chosen = tiering();
  if (chosen !== undefined && module.form === 'wasm') {
    boot(machine, ram.pointers[0] ?? 0, linuxProfile(arch));
    settleTranslator(machine, ram, chosen);
  }
  return { machine, ram };
}

function notLoaded(form: Form): never {
  throw new InvariantError(`the engine (${form}) is opened before it was loaded`);
}

/** Guests must not see the host's time: the same program runs the same way twice. */
function clock(): ModuleOptions {
  let now = 0;
  return { now: () => ++now };
}
