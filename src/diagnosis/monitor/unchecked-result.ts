/**
 * Calls that failed and whose result was used all the same: a fold over calls and faults.
 *
 * Three kinds of result matter to memory. An address (mmap): the errno as a pointer, or libc's MAP_FAILED,
 * is accessed or handed to another call. Rights (mprotect): the range is accessed as if they had been
 * given, which faults. A descriptor (memfd_create): its errno is used as one.
 */

import { errnoNumber } from '../../abi/linux/errno.js';
import type { Addr, Arch } from '../../base/address.js';
import type { Access } from '../../base/outcome.js';
import { RIGHT_EXEC, RIGHT_READ, RIGHT_WRITE } from '../../memory/mapping.js';
import { givesAddress, takesAddress } from '../../memory/request.js';
import type { CallEvent, FaultEvent, TraceEvent, VmaEvent } from '../../trace/events.js';
import { failureOfApi } from '../../trace/print.js';
import { hex, type NewFinding, siteOf } from './finding.js';

const GIVE_DESCRIPTOR = new Set(['open', 'openat', 'creat', 'memfd_create', 'memfd_secret', 'dup']);
/** Their first argument is a descriptor. */
const TAKE_DESCRIPTOR = new Set([
  ...['ftruncate', 'ftruncate64', 'fallocate', 'fchmod', 'fstat', 'fstat64', 'fcntl', 'fcntl64'],
  ...['read', 'write', 'pread64', 'pwrite64', 'lseek', 'close', 'dup', 'dup2', 'dup3'],
]);
const PAGE = 4096n;
const RIGHT: Readonly<Record<Access, number>> = {
  read: RIGHT_READ,
  write: RIGHT_WRITE,
  exec: RIGHT_EXEC,
};
const VERBS: Readonly<Record<Access, string>> = {
  read: 'loaded from',
  write: 'stored to',
  exec: 'jumped to',
};

/** Failed calls of one process whose results have not been used so far, the latest last. */
interface Pending {
  readonly calls: CallEvent[];
}

/** More failures than a program could mix up. */
const MOST_PENDING = 64;

export function uncheckedResults(trace: readonly TraceEvent[], arch: Arch): NewFinding[] {
  const bits = arch === 'i386' ? 32 : 64;
  const processes = new Map<number, Pending>();
  const findings: NewFinding[] = [];
  for (const event of trace) {
    const pending = processes.get(event.pid) ?? { calls: [] };
    processes.set(event.pid, pending);
    const failed = usedBy(event, pending.calls, bits);
    if (failed !== undefined) {
      pending.calls.splice(pending.calls.indexOf(failed), 1);
      findings.push(findingOf(failed, event as FaultEvent | CallEvent));
    }
    forget(event, pending);
    if (!isCall(event) || event.byHost || failureOf(event) === undefined) continue;
    if (!matters(event)) continue;
    pending.calls.push(event);
    if (pending.calls.length > MOST_PENDING) pending.calls.shift();
  }
  return findings;
}

function isCall(event: TraceEvent): event is CallEvent {
  return event.type === 'syscall' || event.type === 'api';
}

/** By name; undefined of a call that succeeded. */
function failureOf(call: CallEvent): string | undefined {
  return call.type === 'api' ? failureOfApi(call) : call.errno;
}

function matters(call: CallEvent): boolean {
  return isForAddress(call) || isForRights(call) || GIVE_DESCRIPTOR.has(call.name);
}

function isForAddress({ asks }: CallEvent): boolean {
  return asks !== undefined && givesAddress(asks);
}

function isForRights({ asks }: CallEvent): boolean {
  return asks?.kind === 'protect';
}

/** The latest failed call whose result the event uses. */
function usedBy(
  event: TraceEvent,
  calls: readonly CallEvent[],
  bits: number,
): CallEvent | undefined {
  if (event.type === 'fault') {
    return calls.findLast(
      (call) => isItsAddress(call, event.fault.address, bits) || lacksRights(call, event),
    );
  }
  if (!isCall(event)) return undefined;
  return calls.findLast((call) => isHandedOn(call, event, bits));
}

/** What a program without libc, and one with it, takes for the result. A function of Windows answers NULL. */
function failedValues(call: CallEvent, bits: number): bigint[] {
  if (call.type === 'api') return [0n];
  const { errno } = call;
  const number = errno === undefined ? 1 : errnoNumber(errno);
  return [BigInt.asUintN(bits, BigInt(-number)), BigInt.asUintN(bits, -1n)];
}

/** Within the memory that would have been there, which wraps round to 0. */
function isItsAddress(call: CallEvent, address: Addr, bits: number): boolean {
  const { asks } = call;
  if (asks === undefined || !givesAddress(asks)) return false;
  const length = asks.length > PAGE ? asks.length : PAGE;
  return failedValues(call, bits).some((base) => BigInt.asUintN(bits, address - base) < length);
}

function lacksRights({ asks }: CallEvent, { fault, vma }: FaultEvent): boolean {
  if (asks?.kind !== 'protect' || vma === undefined) return false;
  const { start, length, rights } = asks;
  const within = fault.address >= start && fault.address < start + length;
  return within && (rights & RIGHT[fault.access]) !== 0;
}

function isHandedOn(call: CallEvent, user: CallEvent, bits: number): boolean {
  const { asks } = user;
  if (isForAddress(call) && asks !== undefined && takesAddress(asks)) {
    return failedValues(call, bits).some((base) => asks.start >> 12n === base >> 12n);
  }
  if (call.type === 'api' || !GIVE_DESCRIPTOR.has(call.name)) return false;
  const fd = descriptorOf(user);
  return fd !== undefined && failedValues(call, 32).includes(BigInt.asUintN(32, fd));
}

function descriptorOf({ name, args, asks }: CallEvent): bigint | undefined {
  if (TAKE_DESCRIPTOR.has(name)) return args[0];
  return asks?.descriptor === undefined ? undefined : BigInt(asks.descriptor);
}

/** A success takes the place of the failure: of the same kind of call, or over the same pages. */
function forget(event: TraceEvent, pending: Pending): void {
  if (event.type === 'vma') {
    keep(pending, (call) => !isForRights(call) || !overlaps(call, event));
  } else if (isCall(event) && failureOf(event) === undefined && matters(event)) {
    if (isForRights(event)) return;
    keep(pending, (call) => call.name !== event.name);
  }
}

function keep({ calls }: Pending, wanted: (call: CallEvent) => boolean): void {
  const kept = calls.filter(wanted);
  calls.splice(0, calls.length, ...kept);
}

function overlaps({ asks }: CallEvent, { before, after }: VmaEvent): boolean {
  const { start = 0n, length = 0n } = asks ?? {};
  const vma = after ?? before;
  return vma !== undefined && vma.start < start + length && vma.end > start;
}

function findingOf(call: CallEvent, use: FaultEvent | CallEvent): NewFinding {
  const pc = use.type === 'fault' ? use.fault.pc : siteOf(use);
  const address = use.type === 'fault' ? use.fault.address : (use.args[0] ?? 0n);
  const start = address & ~(PAGE - 1n);
  const failure = failureOf(call) ?? 'an error';
  const begun = {
    by: call.name,
    pc: siteOf(call),
    ...(call.type === 'api' ? { error: failure } : { errno: call.errno! }),
  };
  const how =
    use.type !== 'fault'
      ? `was handed to ${use.name} at ${hex(pc)}`
      : `was used: ${hex(address)} was ${VERBS[use.fault.access]}${use.fault.access === 'exec' ? '' : ` at ${hex(pc)}`}`;
  return {
    kind: 'unchecked-result',
    pid: use.pid,
    start,
    end: start + PAGE,
    pc,
    begun,
    sentence: `${call.name} at ${hex(begun.pc)} failed with ${failure}, and its result ${how}`,
  };
}
