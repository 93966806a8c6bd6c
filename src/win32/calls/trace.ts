/** API calls in the trace: arguments as a programmer writes them. */
import { allocationTypeName, protectionName } from '../../abi/windows/memory.js';
import type { Win32Process } from '../process/process.js';
import type { ApiFunction, ParameterKind } from './api.js';
import type { ApiCall } from './call.js';

/** Longest string shown. */
const SHOWN = 64;

/** Read at entry: what a pointer points to may have changed afterwards. */
export interface CallEntry {
  readonly args: readonly bigint[];
  readonly shown: readonly string[];
}

export function recordEntry(process: Win32Process, fn: ApiFunction, call: ApiCall): CallEntry {
  process.system.callerPid = process.tracePid;
  const args = fn.parameters.map(({ kind }, index) =>
    kind === 'u64' ? call.u64(index) : call.word(index),
  );
  return { args, shown: fn.parameters.map(({ kind }, index) => show(call, kind, index)) };
}

function show(call: ApiCall, kind: ParameterKind, index: number): string {
  switch (kind) {
    case 'alloc':
      return allocationTypeName(call.dword(index));
    case 'prot':
      return protectionName(call.dword(index));
    case 'int':
      return String(call.int(index));
    case 'dword':
    case 'size':
      return String(kind === 'size' ? call.word(index) : call.dword(index));
    case 'bool':
      return call.dword(index) === 0 ? 'FALSE' : 'TRUE';
    case 'u64':
      return String(call.u64(index));
    case 'flags':
      return hex(BigInt(call.dword(index)));
    case 'str':
    case 'wstr':
      return text(call, index, kind === 'wstr');
    default:
      return call.word(index) === 0n ? 'NULL' : hex(call.word(index));
  }
}

function text(call: ApiCall, index: number, wide: boolean): string {
  const address = call.word(index);
  if (address === 0n) return 'NULL';
  const found = call.memory.text(address, wide, SHOWN * 2);
  if (found === undefined) return hex(address);
  const cut = found.length > SHOWN ? `${found.slice(0, SHOWN)}` : found;
  return `${JSON.stringify(cut)}${found.length > SHOWN ? '...' : ''}`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

export function recordCall(
  process: Win32Process,
  fn: { readonly dll: string; readonly name: string },
  entry: CallEntry,
  call: ApiCall,
  value: bigint,
): void {
  const { cause } = process.system;
  process.system.cause = undefined;
  process.system.trace.record({
    type: 'api',
    pid: process.tracePid,
    pc: call.caller,
    dll: fn.dll,
    name: fn.name,
    args: entry.args,
    shown: entry.shown,
    value,
    error: call.error,
    ...(cause === undefined ? {} : { cause }),
  });
}
