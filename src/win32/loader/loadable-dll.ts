/** A DLL of the system as the loader sees it. */
import type { Addr } from '../../base/address.js';
import type { ApiSet } from '../calls/api.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';

/** Those that every process has. */
export const SYSTEM_DLLS = ['ntdll.dll', 'kernelbase.dll', 'kernel32.dll'] as const;

export interface LoadableDll {
  readonly path: string;
  readonly functions: ApiSet;
  bytes(base: Addr): Uint8Array;
  gates(base: Addr): ReadonlyMap<string, number>;
  attach(process: Win32Process, module: Module): void;
}
