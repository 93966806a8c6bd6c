/** Functions of the API by their name alone, for whoever is not linked against a DLL: the host, and interceptors. */
import { SYSTEM_DLLS } from '../loader/loadable-dll.js';
import type { Win32System } from '../system.js';
import type { ApiFunction } from './api.js';

export interface FoundFunction {
  readonly dll: string;
  readonly name: string;
  readonly fn: ApiFunction;
}

const SEARCHED = [...SYSTEM_DLLS, 'msvcrt.dll'];

/** Undefined: the system has no such function here. */
export function findFunction(system: Win32System, name: string): FoundFunction | undefined {
  for (const dll of SEARCHED) {
    const functions = system.dll(dll)?.functions ?? {};
    const fn = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (fn !== undefined) return { dll, name, fn };
  }
  return undefined;
}

/** All that can be found. */
export function functionNames(system: Win32System): string[] {
  return [...new Set(SEARCHED.flatMap((dll) => Object.keys(system.dll(dll)?.functions ?? {})))];
}

/** Functions that answer with an NTSTATUS. */
export function answersStatus({ name, dll }: Pick<FoundFunction, 'name' | 'dll'>): boolean {
  return dll === 'ntdll.dll' && /^(Nt|Zw|Ldr)/.test(name);
}
