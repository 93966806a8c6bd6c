/** One sentence for the end of a run: which decision, or else which access or call, brought it about. */

import { callFamily } from '../abi/linux/call-set.js';
import { errnoText } from '../abi/linux/errno.js';
import { checkShape, satisfies } from '../base/shape.js';
import { visible } from '../base/text.js';
import { type Cause, causeOfVerdict } from '../base/verdict.js';
import type { Mapping } from '../memory/mapping.js';
import { checkEvent, checkEvents } from './event-shape.js';
import type {
  CallEvent,
  FaultEvent,
  LoadFailureEvent,
  SyscallEvent,
  TraceEvent,
  VerdictEvent,
} from './events.js';
import { causeLine, failureOfApi, verdictLine } from './print.js';

const ACCESS_TEXT = { read: 'a load from', write: 'a store to', exec: 'a fetch from' } as const;

/**
 * A refusal comes first: a program that does not check its calls dies later of the first one. Then
 * what a policy said of the fault, the fault itself, and the last call that failed. The sentence has
 * no addresses, so that equal causes read equal from run to run.
 */
export function causeOf(events: readonly TraceEvent[]): string | undefined {
  checkEvents('causeOf', events);
  const refusal = firstRefusal(events);
  if (refusal !== undefined) return refusal.sentence;
  const unloaded = events.findLast((event) => event.type === 'load-failure');
  if (unloaded !== undefined) return loadFailureLine(unloaded);
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
  readonly cause: Cause;
  /** The call that failed of it; undefined when none did, as with a kill at a fault. */
  readonly call: CallEvent | undefined;
}

/**
 * What a policy refused first: by its own decision, or by rights that it took away earlier, so that
 * the kernel's own check of the VM_MAY* bits now fails.
 */
export function firstRefusal(events: readonly TraceEvent[]): Refusal | undefined {
  checkEvents('firstRefusal', events);
  for (const event of events) {
    const refusal = refusalIn(event, events);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refusalIn(event: TraceEvent, events: readonly TraceEvent[]): Refusal | undefined {
  switch (event.type) {
    case 'syscall':
    case 'api': {
      const { cause } = event;
      if (cause === undefined || !refuses(cause)) return undefined;
      return { sentence: callSentence(event, cause), cause, call: event };
    }
    case 'fault': {
      const { cause } = event;
      if (cause?.kind !== 'denied' && cause?.kind !== 'killed') return undefined;
      return { sentence: causeLine(cause, 'an access'), cause, call: undefined };
    }
    case 'load-failure': {
      const { cause } = event;
      return cause && { sentence: causeLine(cause, 'execve'), cause, call: undefined };
    }
    case 'verdict': {
      const cause = killedFor(event, events);
      const call = event.call === undefined ? undefined : callFamily(event.call);
      return cause && { sentence: verdictLine({ ...event, call }), cause, call: undefined };
    }
    default:
      return undefined;
  }
}

/** Did the rule stand in the way of what was asked for? */
export function refuses({ kind }: Cause): boolean {
  return kind === 'denied' || kind === 'killed' || kind === 'taken';
}

/** The cause of a kill at a call that never returned: it has no event but that of the verdict. */
export function killedFor(
  { verdict, policy, hook, pid, seq }: VerdictEvent,
  events: readonly TraceEvent[],
): Cause | undefined {
  if (verdict.kind !== 'kill' || hook === 'fault') return undefined;
  const next = events.find(
    (event) => event.type === 'syscall' && event.pid === pid && event.seq > seq,
  );
  const returned = next?.type === 'syscall' && next.cause?.kind === 'killed';
  return returned ? undefined : causeOfVerdict({ ...verdict, policy });
}

function callSentence(event: CallEvent, cause: Cause): string {
  const { name } = event;
  const failure = event.type === 'syscall' ? event.errno : failureOfApi(event);
  // mmap2 is how i386 spells mmap.
  const call = callFamily(name);
  if (cause.kind !== 'taken') return causeLine(cause, call, failure);
  return `${call} failed with ${failure ?? 'an error'}: ${cause.reason} (${cause.rule})`;
}

/** The rule behind the last fault: `the page was never made executable (nx/no-exec)`. */
export function ruleOfFault(events: readonly TraceEvent[]): string | undefined {
  checkEvents('ruleOfFault', events);
  const fault = events.findLast((event) => event.type === 'fault');
  const cause = fault?.type === 'fault' ? fault.cause : undefined;
  return cause && `${cause.reason} (${cause.rule})`;
}

/** `a store to 0x401000 in /program, which is r-x`. */
export function faultLine(event: FaultEvent): string {
  checkEvent('faultLine', event, 'fault');
  return faultText(event, `0x${event.fault.address.toString(16)}`);
}

/** `loading /program failed: its segment 2 of 3 (rw- at 0x600000) cannot be mapped (ENOMEM, ...)`. */
export function loadFailureLine(event: LoadFailureEvent): string {
  checkEvent('loadFailureLine', event, 'load-failure');
  const { path, what, errno } = event;
  return `loading ${visible(path)} failed: ${visible(what)} (${errno}, ${errnoText(errno)})`;
}

function faultText({ fault, vma }: FaultEvent, address?: string): string {
  const access = ACCESS_TEXT[fault.access];
  if (vma === undefined) return `${access} ${address ?? 'an address'}, where nothing is mapped`;
  const name = visible(vma.name) || 'anonymous memory';
  const place = `${access} ${address === undefined ? '' : `${address} in `}${name}`;
  if (fault.code === 'BUS_ADRERR') return `${place}, past its end`;
  const limit = fault.code === 'SI_KERNEL' ? ' and lies behind the end of the code segment' : '';
  return `${place}, which is ${protectionText(vma)}${limit}`;
}

/** Other bits may be set: flags of a VMA have the rights in the same place. */
const RIGHTS = satisfies('a number of the bits 1, 2 and 4', Number.isSafeInteger);

/** The first three letters of a maps line. Rights are in the order of PROT_*. */
export function rightsText(rights: number): string {
  checkShape('rightsText: the rights', rights, RIGHTS);
  return `${rights & 1 ? 'r' : '-'}${rights & 2 ? 'w' : '-'}${rights & 4 ? 'x' : '-'}`;
}

/** `PAGE_READWRITE` where the system has a word for it, else `rw-`. */
export function protectionText({ rights, protection }: Mapping): string {
  return protection ?? rightsText(rights);
}

function failureText({ name, errno }: SyscallEvent): string {
  return `${name} failed${errno === undefined ? '' : ` with ${errno} (${errnoText(errno)})`}`;
}
