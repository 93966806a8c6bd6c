/** One sentence for the end of a run: which decision, or else which access or call, brought it about. */
import { errnoText } from '../abi/linux/errno.js';
import type { FaultEvent, SyscallEvent, TraceEvent, VerdictEvent } from './events.js';
import { verdictLine } from './print.js';
import { TakenRights } from './taken-rights.js';

const ACCESS_TEXT = { read: 'a load from', write: 'a store to', exec: 'a fetch from' } as const;

/**
 * A refusal comes first: a program that does not check its calls dies later of the first one. Then
 * what a policy said of the fault, the fault itself, and the last call that failed. The sentence has
 * no addresses, so that equal causes read equal from run to run.
 */
export function causeOf(events: readonly TraceEvent[]): string | undefined {
  const refusal = firstRefusal(events);
  if (refusal !== undefined) return refusal.sentence;
  const fault = events.findLast((event) => event.type === 'fault');
  if (fault !== undefined) {
    const rule = ruleOfFault(events);
    return rule === undefined ? faultText(fault) : `${faultText(fault)}: ${rule}`;
  }
  const failure = events.findLast((event) => event.type === 'syscall' && event.errno !== undefined);
  return failure?.type === 'syscall' ? failureText(failure) : undefined;
}

export interface Refusal {
  readonly sentence: string;
  /** The call that failed of it; undefined when none did, as with a kill at a fault. */
  readonly call: SyscallEvent | undefined;
}

/**
 * What a policy refused first: by its own decision, or by rights that it took away earlier, so that
 * the kernel's own check of the VM_MAY* bits now fails.
 */
export function firstRefusal(events: readonly TraceEvent[]): Refusal | undefined {
  const taken = new TakenRights();
  for (const [index, event] of events.entries()) {
    taken.see(event);
    if (event.type === 'verdict') {
      const { kind } = event.verdict;
      if (kind === 'deny' || kind === 'kill') {
        return { sentence: verdictLine(inFamily(event)), call: callAfter(events, index) };
      }
    }
    if (event.type !== 'syscall') continue;
    const verdict = taken.by(event)?.verdict;
    if (verdict?.rule === undefined) continue;
    const sentence = `${event.name} failed with EACCES: ${verdict.reason} (${verdict.rule})`;
    return { sentence, call: event };
  }
  return undefined;
}

/** The call during which the verdict at `index` was given: recorded when it returned. Of a kill it never does. */
export function callAfter(events: readonly TraceEvent[], index: number): SyscallEvent | undefined {
  const verdict = events[index];
  if (verdict?.type !== 'verdict' || verdict.call === undefined) return undefined;
  const call = events.find(
    (event, at) => at > index && event.pid === verdict.pid && event.type === 'syscall',
  );
  return call?.type === 'syscall' ? call : undefined;
}

/** mmap2 is how i386 spells mmap. */
function inFamily(event: VerdictEvent): VerdictEvent {
  return event.call === 'mmap2' || event.call === 'old_mmap' ? { ...event, call: 'mmap' } : event;
}

/** What a policy says of the last fault: `the page was never made executable (nx/no-exec)`. */
export function ruleOfFault(events: readonly TraceEvent[]): string | undefined {
  const note = events.findLast((event) => event.type === 'verdict' && event.hook === 'fault');
  if (note?.type !== 'verdict') return undefined;
  const { rule, reason } = note.verdict;
  return rule === undefined ? undefined : `${reason ?? ''} (${rule})`;
}

/** `a store to 0x401000 in /program, which is r-x`. */
export function faultLine(event: FaultEvent): string {
  return faultText(event, `0x${event.fault.address.toString(16)}`);
}

function faultText({ fault, vma }: FaultEvent, address?: string): string {
  const access = ACCESS_TEXT[fault.access];
  if (vma === undefined) return `${access} ${address ?? 'an address'}, where nothing is mapped`;
  const name = vma.name || 'anonymous memory';
  const place = `${access} ${address === undefined ? '' : `${address} in `}${name}`;
  if (fault.code === 'BUS_ADRERR') return `${place}, past its end`;
  const limit = fault.code === 'SI_KERNEL' ? ' and lies behind the end of the code segment' : '';
  return `${place}, which is ${rightsText(vma.rights)}${limit}`;
}

/** The first three letters of a maps line. Rights are in the order of PROT_*. */
export function rightsText(rights: number): string {
  return `${rights & 1 ? 'r' : '-'}${rights & 2 ? 'w' : '-'}${rights & 4 ? 'x' : '-'}`;
}

function failureText({ name, errno }: SyscallEvent): string {
  return `${name} failed${errno === undefined ? '' : ` with ${errno} (${errnoText(errno)})`}`;
}
