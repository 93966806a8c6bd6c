/** One sentence for the end of a run: which decision, or else which access or call, brought it about. */
import { errnoText } from '../abi/errno.js';
import type { FaultEvent, SyscallEvent, TraceEvent, VerdictEvent } from './events.js';
import { verdictLine } from './print.js';

const ACCESS_TEXT = { read: 'a load from', write: 'a store to', exec: 'a fetch from' } as const;

/** Calls that ask the VM_MAY* bits: EACCES of any other has another cause. */
const CHECK_MAY_BITS = new Set(['mprotect', 'pkey_mprotect']);

/**
 * A refusal comes first: a program that does not check its calls dies later of the first one. Then
 * what a policy said of the fault, the fault itself, and the last call that failed.
 */
export function causeOf(events: readonly TraceEvent[]): string | undefined {
  const refusal = firstRefusal(events);
  if (refusal !== undefined) return refusal;
  const fault = events.findLast((event) => event.type === 'fault');
  if (fault !== undefined) return ruleOfFault(events, fault) ?? faultText(fault);
  const failure = events.findLast((event) => event.type === 'syscall' && event.errno !== undefined);
  return failure?.type === 'syscall' ? failureLine(failure) : undefined;
}

/**
 * What a policy refused first: by its own decision, or by rights that it took away earlier, so that
 * the kernel's own check of the VM_MAY* bits now fails.
 */
function firstRefusal(events: readonly TraceEvent[]): string | undefined {
  let taken: VerdictEvent['verdict'] | undefined;
  for (const event of events) {
    if (event.type === 'verdict') {
      if (isRefusal(event)) return verdictLine(event);
      if (event.verdict.kind === 'narrow') taken = event.verdict;
    }
    if (event.type !== 'syscall' || event.errno !== 'EACCES') continue;
    if (taken?.rule !== undefined && CHECK_MAY_BITS.has(event.name)) {
      return `${event.name} failed with EACCES: ${taken.reason} (${taken.rule})`;
    }
  }
  return undefined;
}

/** A decision that made a call fail or ended the process. */
export function isRefusal({ verdict }: VerdictEvent): boolean {
  return verdict.kind === 'deny' || verdict.kind === 'kill';
}

/** `a store to 0x401000 in /program, which is r-x`. */
export function faultLine(event: FaultEvent): string {
  return faultText(event, `0x${event.fault.address.toString(16)}`);
}

/** Without `address`, so that equal causes read equal from run to run. */
function faultText({ fault, vma }: FaultEvent, address?: string): string {
  const access = ACCESS_TEXT[fault.access];
  if (vma === undefined) return `${access} ${address ?? 'an address'}, where nothing is mapped`;
  const name = vma.object?.path ?? (vma.name || 'anonymous memory');
  const place = `${access} ${address === undefined ? '' : `${address} in `}${name}`;
  return fault.code === 'BUS_ADRERR'
    ? `${place}, past its end`
    : `${place}, which is ${rightsText(vma.flags)}`;
}

/** The first three letters of a maps line. VM_READ, VM_WRITE and VM_EXEC are the bits of PROT_*. */
export function rightsText(flags: number): string {
  return `${flags & 1 ? 'r' : '-'}${flags & 2 ? 'w' : '-'}${flags & 4 ? 'x' : '-'}`;
}

/** What a policy noted about this very fault: recorded just before it. */
function ruleOfFault(events: readonly TraceEvent[], fault: FaultEvent): string | undefined {
  const note = events.findLast(
    (event) =>
      event.type === 'verdict' &&
      event.hook === 'fault' &&
      event.pid === fault.pid &&
      event.verdict.rule !== undefined,
  );
  if (note?.type !== 'verdict' || note.verdict.reason === undefined) return undefined;
  return `${faultText(fault)}: ${note.verdict.reason} (${note.verdict.rule})`;
}

function failureLine({ name, errno }: SyscallEvent): string {
  return `${name} failed${errno === undefined ? '' : ` with ${errno} (${errnoText(errno)})`}`;
}
