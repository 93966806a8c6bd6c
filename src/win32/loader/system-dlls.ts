/** Which DLLs the system has, what is in them, and what they do when a process loads them. */
import type { Addr } from '../../base/address.js';
import { kernel32Api } from '../api/kernel32.js';
import { ntdllApi } from '../api/ntdll.js';
import { user32Api } from '../api/strings.js';
import type { ApiSet } from '../calls/api.js';
import { CALLBACK_GATE } from '../calls/callback.js';
import { MEMORY_FUNCTIONS } from '../calls/memory-requests.js';
import { FINAL_HANDLER_GATE } from '../exceptions/handler-chain.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';
import { msvcrtApi } from '../runtime/msvcrt.js';
import { msvcrtData, prepareMsvcrt } from '../runtime/start-up.js';
import type { Win32System } from '../system.js';
import { type BuiltinDll, buildDll, type DataExports } from './builtin-dlls.js';
import type { LoadableDll } from './loadable-dll.js';

/** What decides which functions there are. */
type ExportingSystem = Pick<Win32System, 'arch' | 'traits'>;

interface SystemDll {
  readonly functions: (system: ExportingSystem) => ApiSet;
  readonly data?: (system: Win32System) => DataExports;
  /** Gates that no function stands behind. */
  readonly gates?: readonly string[];
  readonly attach?: (process: Win32Process, module: Module) => void;
}

const none: ApiSet = {};

const DLLS: Readonly<Record<string, SystemDll>> = {
  'ntdll.dll': { functions: ntdllApi, gates: [CALLBACK_GATE, FINAL_HANDLER_GATE] },
  'kernelbase.dll': { functions: kernel32Api },
  'kernel32.dll': { functions: kernel32Api },
  'msvcrt.dll': { functions: () => msvcrtApi, data: msvcrtData, attach: prepareMsvcrt },
  // Programs load these to see whether it can be done; there is next to nothing in them.
  'version.dll': { functions: () => none },
  'user32.dll': { functions: () => user32Api },
};

/** Functions of the system's DLLs by name, each once; and those that are about memory. */
export function apiNames(system: ExportingSystem): {
  readonly functions: readonly string[];
  readonly memory: readonly string[];
} {
  const all = Object.values(DLLS).flatMap((dll) => Object.keys(dll.functions(system)));
  const functions = [...new Set(all)];
  return { functions, memory: functions.filter((name) => MEMORY_FUNCTIONS.has(name)) };
}

const built = new Map<string, BuiltinDll>();

/** Undefined: the system has no such DLL. */
export function builtinDll(system: Win32System, name: string): LoadableDll | undefined {
  const dll = DLLS[name];
  if (dll === undefined) return undefined;
  const functions = dll.functions(system);
  const at = (base: Addr): BuiltinDll => {
    const key = `${system.traits.os} ${system.arch} ${name} ${base}`;
    const known = built.get(key);
    if (known !== undefined) return known;
    const made = buildDll(system.arch, base, name, functions, dll.data?.(system) ?? {}, dll.gates);
    built.set(key, made);
    return made;
  };
  return {
    path: `C:\\windows\\system32\\${name}`,
    functions,
    bytes: (base) => at(base).bytes,
    gates: (base) => at(base).gates,
    attach: (process, module) => dll.attach?.(process, module),
  };
}
