/** Images of a process: mapping them, binding their imports, finding what they export. */
import { ERROR, STATUS, win32Error } from '../../abi/windows/status.js';
import { type Addr, PAGE_SIZE } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import { Struct } from '../../base/struct.js';
import { PeContent } from '../../formats/pe/content.js';
import {
  delayImportsOf,
  exportsOf,
  importsOf,
  type PeImportDll,
  relocate,
  tlsOf,
} from '../../formats/pe/directories.js';
import { parsePe } from '../../formats/pe/image.js';
import { findRoom } from '../../os/windows/memory/allocate.js';
import { protect } from '../../os/windows/memory/protect.js';
import { mapImage, unmapView } from '../../os/windows/memory/view.js';
import { callback } from '../calls/callback.js';
import type { SystemFunctions } from '../calls/find-function.js';
import { performApi, performMissing } from '../calls/perform.js';
import type { HostTask } from '../calls/task.js';
import type { Module } from '../process/modules.js';
import { moduleName } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';
import { GATE_LENGTH, GATE_VECTOR } from './builtin-dlls.js';
import { exportAddress } from './exports.js';
import { LoadFailure } from './load-failure.js';
import type { LoadableDll } from './loadable-dll.js';
import { copyTls } from './thread-memory.js';

/** DLLs that load each other, one within another. */
const MAX_NESTED = 64;
const MAX_MODULES = 256;
const MAX_TLS = 256;

/** Maps an image where it may lie and lists it as a module. @throws LoadFailure */
export function mapModule(
  process: Win32Process,
  path: string,
  bytes: Uint8Array,
  builtin = false,
): Module {
  const parsed = parsePe(bytes);
  if (!parsed.ok) {
    throw new LoadFailure(STATUS.INVALID_IMAGE_FORMAT, `${path}: ${parsed.reason}`);
  }
  if (parsed.image.arch !== process.system.arch) {
    throw new LoadFailure(
      STATUS.INVALID_IMAGE_FORMAT,
      `${path}: it is for ${parsed.image.arch}, this process is ${process.system.arch}`,
    );
  }
  if (process.modules.all.length >= MAX_MODULES) {
    throw new LoadFailure(STATUS.NO_MEMORY, `${path}: more than ${MAX_MODULES} modules`);
  }
  const content = new PeContent(bytes, parsed.image);
  const base = placeFor(process, content, path);
  const exports = tables(path, () => {
    relocate(content, base);
    return exportsOf(content);
  });
  const status = mapImage(
    process.space.vm,
    {
      kind: 'image',
      size: parsed.image.size,
      protect: 0x80,
      reserves: false,
      noCache: false,
      object: undefined,
      image: content,
      name: process.space.installImage(path, bytes),
    },
    base,
  );
  if (status !== STATUS.SUCCESS)
    throw new LoadFailure(status, `${path}: it cannot be mapped`, true);
  const module: Module = { path, base, content, exports, builtin, references: 1 };
  process.modules.add(module);
  return module;
}

function placeFor(process: Win32Process, content: PeContent, path: string): Addr {
  const { image } = content;
  const { vm, layout } = process.space;
  const wanted = layout.imageBase(image) ?? image.base;
  const first = Number(wanted / BigInt(PAGE_SIZE));
  const count = image.size / PAGE_SIZE;
  const fits = first >= vm.floor && first + count <= vm.top && vm.vads.isFree(first, first + count);
  if (fits) return wanted;
  const place = findRoom(vm, count, {});
  if (place === undefined) throw new LoadFailure(STATUS.NO_MEMORY, `${path}: no room for it`);
  return BigInt(place) * BigInt(PAGE_SIZE);
}

function tables<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    throw new LoadFailure(STATUS.INVALID_IMAGE_FORMAT, `${path}: ${error.message}`);
  }
}

/** A DLL of the system. Its gates are known by the address behind their instruction. */
/** @param functions of all such DLLs. */
export function mapBuiltin(
  process: Win32Process,
  name: string,
  dll: LoadableDll,
  functions: SystemFunctions,
): Module {
  const { layout } = process.space;
  const parsed = parsePe(dll.bytes(0n));
  if (!parsed.ok) throw new LoadFailure(STATUS.INVALID_IMAGE_FORMAT, `${name}: ${parsed.reason}`);
  const base = layout.dllBase(name, parsed.image.size);
  const built = dll.bytes(base);
  const module = mapModule(process, dll.path, built, true);
  for (const [fn, rva] of dll.gates(base)) {
    const made = dll.functions[fn];
    process.modules.addGate(module.base + BigInt(rva), {
      name: fn,
      enter: () =>
        made === undefined
          ? performMissing(process, { dll: name, name: fn })
          : performApi(process, { dll: name, name: fn, fn: made }, functions),
    });
  }
  dll.attach(process, module);
  return module;
}

/** LoadLibrary: the module, or the Win32 error. */
export function* loadLibrary(process: Win32Process, name: string): HostTask<Module | number> {
  const known = process.modules.find(name);
  if (known !== undefined) {
    known.references++;
    return known;
  }
  try {
    const module = yield* attachNew(process, () => loadDll(process, name, 0));
    return module ?? ERROR.MOD_NOT_FOUND;
  } catch (error) {
    return refusedLoad(process, 'LoadLibrary', error);
  }
}

/** GetProcAddress: the address, or the Win32 error. A forwarder may load a DLL. */
export function* procAddress(
  process: Win32Process,
  module: Module,
  name: string | number,
): HostTask<Addr | number> {
  try {
    const load = (dll: string): Module | undefined => loadDll(process, dll, 0);
    const found = yield* attachNew(process, () => exportAddress(module, name, load));
    return found ?? ERROR.PROC_NOT_FOUND;
  } catch (error) {
    return refusedLoad(process, 'GetProcAddress', error);
  }
}

/** @throws what is no LoadFailure. */
function refusedLoad(process: Win32Process, call: string, error: unknown): number {
  if (!(error instanceof LoadFailure)) throw error;
  process.system.note(`${call}: ${error.message}`);
  return win32Error(error.status);
}

/** The modules that `load` has added get their TLS, and are told: what a DLL needs before it. */
function* attachNew<T>(process: Win32Process, load: () => T): HostTask<T> {
  const before = new Set(process.modules.all);
  const made = load();
  const added = process.modules.all.filter((one) => !before.has(one) && !one.builtin);
  for (const one of added) prepareTls(process, one);
  for (const one of added.reverse()) yield* attach(process, one, 1);
  return made;
}

/** A DLL with everything that it imports. Undefined: nobody has it. @throws LoadFailure */
function loadDll(process: Win32Process, name: string, depth: number): Module | undefined {
  const known = process.modules.find(name);
  if (known !== undefined) return known;
  if (depth > MAX_NESTED) throw new LoadFailure(STATUS.NO_MEMORY, `${name}: DLLs nest too deeply`);
  const file = findFile(process, name);
  if (file === undefined) return process.ports.mapDll(process, moduleName(name));
  const module = mapModule(process, file.path, file.bytes);
  bindImports(process, module, depth + 1);
  return module;
}

/** Beside the program, then as named. */
function findFile(
  { system, path }: Win32Process,
  name: string,
): { path: string; bytes: Uint8Array } | undefined {
  const folder = path.replace(/[^\\/]*$/, '');
  for (const candidate of [`${folder}${moduleName(name)}`, name, `/${moduleName(name)}`]) {
    const file = system.files.find(candidate);
    if (file !== undefined) return { path: candidate, bytes: file.bytes.slice() };
  }
  return undefined;
}

/** Binds every import of the module, loading what is missing. @throws LoadFailure */
export function bindImports(process: Win32Process, module: Module, depth = 0): void {
  const dlls = tables(module.path, () => [
    ...importsOf(module.content),
    ...delayImportsOf(module.content),
  ]);
  for (const wanted of dlls) bindDll(process, module, wanted, depth);
}

function bindDll(process: Win32Process, module: Module, wanted: PeImportDll, depth: number): void {
  const { space, word } = process;
  const dll = loadDll(process, wanted.dll, depth);
  if (dll === undefined) {
    throw new LoadFailure(
      STATUS.DLL_NOT_FOUND,
      `${module.path} needs ${wanted.dll}, which is neither a DLL that mayexec has nor among the files given`,
    );
  }
  for (const { name, ordinal, slot } of wanted.imports) {
    const target =
      exportAddress(dll, name ?? ordinal, (other) => loadDll(process, other, depth + 1)) ??
      unresolved(process, dll, name, ordinal);
    const at = module.base + BigInt(slot);
    if (!space.vm.pages.poke(at, new Struct(word).setWord(0, word, target).bytes)) {
      throw new LoadFailure(STATUS.NO_MEMORY, `${module.path}: no memory for its imports`);
    }
  }
}

/** A function that a system DLL of mayexec's lacks is bound to a gate that says so when it is called. */
function unresolved(
  process: Win32Process,
  dll: Module,
  name: string | undefined,
  ordinal: number,
): Addr {
  const what = name ?? `#${ordinal}`;
  if (!dll.builtin) {
    throw new LoadFailure(
      name === undefined ? STATUS.ORDINAL_NOT_FOUND : STATUS.ENTRYPOINT_NOT_FOUND,
      `${dll.path} does not export ${what}`,
    );
  }
  return missingGate(process, moduleName(dll.path), what);
}

const GATE_STRIDE = 16n;

/** Pages of gates for functions that are not there. */
function missingGate(process: Win32Process, dll: string, name: string): Addr {
  const { missing } = process;
  const vm = process.space.vm;
  const index = missing.names.length;
  if (missing.base === 0n || index >= 256) {
    missing.base = process.reserveSystemMemory(0x1000n, 'functions that are not there');
    missing.names.length = 0;
    const code = new Uint8Array(0x1000).fill(0xcc);
    for (let at = 0; at < 0x1000; at += 16) code.set([0xcd, GATE_VECTOR, 0xc3], at);
    vm.pages.poke(missing.base, code);
    protect(vm, missing.base, 0x1000n, 0x20);
  }
  const address = missing.base + BigInt(missing.names.length) * GATE_STRIDE;
  missing.names.push(name);
  process.modules.addGate(address + GATE_LENGTH, {
    name,
    enter: () => performMissing(process, { dll, name }),
  });
  return address;
}

/** DLL_PROCESS_ATTACH (1) or DETACH (0): TLS callbacks, then the entry point. */
export function* attach(process: Win32Process, module: Module, reason: number): HostTask<void> {
  if (module.builtin) return;
  yield* runTlsCallbacks(process, module, reason);
  const { entry } = module.content.image;
  if (entry === 0 || module === process.modules.main) return;
  yield* callback(process, module.base + BigInt(entry), [module.base, BigInt(reason), 0n]);
}

export function* runTlsCallbacks(
  process: Win32Process,
  module: Module,
  reason: number,
): HostTask<void> {
  const tls = process.tls.get(module.base);
  for (const rva of tls?.callbacks ?? []) {
    yield* callback(process, module.base + BigInt(rva), [module.base, BigInt(reason), 0n]);
  }
}

/** Static TLS of a module: an index, and a copy of its data for each thread. @throws LoadFailure */
export function prepareTls(process: Win32Process, module: Module): void {
  const tls = tables(module.path, () => tlsOf(module.content, module.base));
  if (tls === undefined) return;
  const index = process.tls.size;
  if (index >= MAX_TLS)
    throw new LoadFailure(STATUS.NO_MEMORY, `${module.path}: too many modules with TLS`);
  process.tls.set(module.base, tls);
  const { pages } = process.space.vm;
  pages.poke(module.base + BigInt(tls.indexRva), new Struct(4).setU32(0, index).bytes);
  const current = process.thread;
  for (const thread of process.threads) {
    process.thread = thread;
    copyTls(process, module, tls, index);
  }
  process.thread = current;
}

/** The last FreeLibrary unmaps the module. DLLs of the system and the program itself stay. */
export function* freeLibrary(process: Win32Process, module: Module): HostTask<void> {
  if (module.builtin || module === process.modules.main) return;
  module.references--;
  if (module.references > 0) return;
  yield* attach(process, module, 0);
  process.modules.remove(module);
  unmapView(process.space.vm, module.base);
}
