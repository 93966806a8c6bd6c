/** Functions of the API by their name alone, for whoever is not linked against a DLL: the host, and interceptors. */
import { unknownValue } from '../../base/errors.js';
import { ownEntry } from '../../base/own-entry.js';
import type { ApiFunction, ApiSet } from './api.js';

export interface FoundFunction {
  readonly dll: string;
  readonly name: string;
  readonly fn: ApiFunction;
}

/** The functions of each DLL that the system has. */
export type SystemFunctions = (dll: string) => ApiSet | undefined;

const SEARCHED = ['ntdll.dll', 'kernelbase.dll', 'kernel32.dll', 'msvcrt.dll'];

/** @throws MayexecError for a function that the system has not here. */
export function namedFunction(functions: SystemFunctions, name: string): FoundFunction {
  for (const dll of SEARCHED) {
    const fn = ownEntry(functions(dll) ?? {}, name);
    if (fn !== undefined) return { dll, name, fn };
  }
  const known = SEARCHED.flatMap((dll) => Object.keys(functions(dll) ?? {}));
  throw unknownValue('function', name, [...new Set(known)]);
}

/** Functions that answer with an NTSTATUS. */
export function answersStatus({ name, dll }: Pick<FoundFunction, 'name' | 'dll'>): boolean {
  return dll === 'ntdll.dll' && /^(Nt|Zw|Ldr)/.test(name);
}
