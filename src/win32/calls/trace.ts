/** API calls in the trace: arguments as a programmer writes them. */
import { allocationTypeName, protectionName } from '../../abi/windows/memory.js';
import type { Addr } from '../../base/address.js';
import type { MemoryRequest } from '../../memory/request.js';
import { callBefore, LONGEST_CALL } from '../../x86/call-before.js';
import type { Win32Process } from '../process/process.js';
import type { ApiCall } from './call.js';
import { answersStatus, type FoundFunction } from './find-function.js';
import { memoryRequestOf } from './memory-requests.js';
import type { ParameterKind } from './parameters.js';

/** Longest string shown. */
const SHOWN = 64;

/** Read at entry: what a pointer points to may have changed afterwards. */
export interface CallEntry {
  readonly args: readonly bigint[];
  readonly shown: readonly string[];
  readonly asks: MemoryRequest | undefined;
  /** The instruction that made the call. */
  readonly site: Addr;
  /** The last event before. */
  readonly since: number;
}

export function recordEntry(
  process: Win32Process,
  { name, fn }: FoundFunction,
  call: ApiCall,
): CallEntry {
  const site = callSite(process, call.caller);
  process.system.caller = { pid: process.tracePid, name, pc: call.caller, site };
  const args = fn.parameters.map((_, index) => call.value(index));
  const shown = fn.parameters.map(({ kind }, index) => show(call, kind, index));
  const since = process.system.trace.events.at(-1)?.seq ?? -1;
  return { args, shown, asks: memoryRequestOf(name, call), site, since };
}

function callSite({ space }: Win32Process, caller: Addr): Addr {
  const room = caller & 0xfffn;
  const start = caller - (room === 0n || room > LONGEST_CALL ? BigInt(LONGEST_CALL) : room);
  const before = space.vm.pages.peek(start, Number(caller - start));
  return caller - BigInt(before === undefined ? 0 : callBefore(before));
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
    case 'f64':
      return String(call.double(index));
    case 'f32':
      return String(call.float(index));
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

/** What came of a call. */
export interface CallEnd {
  readonly value: bigint;
  readonly injected?: 'result' | 'args';
  /** An interceptor made it. */
  readonly byHost?: boolean;
}

export function recordCall(
  process: Win32Process,
  { dll, name }: Pick<FoundFunction, 'dll' | 'name'>,
  { args, shown, asks, site, since }: CallEntry,
  call: ApiCall,
  { value, injected, byHost = false }: CallEnd,
): void {
  const { cause } = process.system;
  process.system.cause = undefined;
  process.system.trace.record({
    type: 'api',
    pid: process.tracePid,
    pc: call.caller,
    site,
    since,
    dll,
    name,
    args,
    shown,
    value,
    error: call.error,
    byHost,
    ...(answersStatus({ dll, name }) ? { status: Number(BigInt.asUintN(32, value)) } : {}),
    ...(asks === undefined ? {} : { asks }),
    ...(injected === undefined ? {} : { injected }),
    ...(cause === undefined ? {} : { cause }),
  });
}
