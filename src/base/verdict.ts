/**
 * Verdict: what a policy says to a request of the guest. Cause: why something was refused, as everybody
 * who tells of it reads it from the event: from a verdict, or from rights that a rule took away earlier.
 */
import type { Errno } from '../base/errno.js';

/**
 * `rule` is `policy/reason` in kebab case and public API; `reason` is one sentence for people; `log`
 * are the lines that the real kernel would print for this decision.
 */
export type Verdict =
  /** With a rule: allowed, but worth a note (a permissive mode). */
  | {
      readonly kind: 'allow';
      readonly rule?: string;
      readonly reason?: string;
      readonly log?: readonly string[];
    }
  | {
      readonly kind: 'narrow';
      /** The flag bits that are left, as the operating system has them (Linux: VM_*). */
      readonly flags: number;
      readonly rule: string;
      readonly reason: string;
      readonly log?: readonly string[];
    }
  | {
      readonly kind: 'deny';
      readonly errno: Errno;
      /** NTSTATUS, where a Windows guest is refused. */
      readonly status?: number;
      readonly rule: string;
      readonly reason: string;
      readonly log?: readonly string[];
    }
  /** The task is killed (PaX, OpenBSD wxabort). No handler runs. */
  | {
      readonly kind: 'kill';
      readonly signal: string;
      readonly rule: string;
      readonly reason: string;
      readonly log?: readonly string[];
    };

/** A rule, and the flag bits (rights and may bits) that it took from what was mapped or changed. */
export interface TakenRights {
  readonly policy: string;
  readonly rule: string;
  readonly reason: string;
  readonly rights: number;
}

/** What several policies say together: the verdict that decided, whose it is, and what each took away. */
export type Ruling = Verdict & {
  readonly policy?: string;
  /** Of 'narrow': in the order in which they were asked. */
  readonly taken?: readonly TakenRights[];
};

/**
 * - denied: the rule refused it
 * - killed: the rule had the process killed at it
 * - taken: the rule took the right earlier that the kernel's own check now misses
 * - narrowed: allowed, with fewer rights than asked for
 * - noted: allowed all the same (a permissive mode), or named as what is behind a fault
 */
export type CauseKind = 'denied' | 'killed' | 'taken' | 'narrowed' | 'noted';

export interface Cause {
  readonly kind: CauseKind;
  /** Name of the policy, as the spec has it. */
  readonly policy: string;
  /** `policy/rule` in kebab case. */
  readonly rule: string;
  /** One sentence for people. */
  readonly reason: string;
  /** Of 'killed'. */
  readonly signal?: string;
  /** Of 'narrowed': the rights (RIGHT_*) that it took; 0 when only what the pages may become is less. */
  readonly rights?: number;
  /** NTSTATUS, where the guest is answered with one. */
  readonly status?: number;
}

export const allow: Verdict = { kind: 'allow' };

export function deny(errno: Errno, rule: string, reason: string, log?: readonly string[]): Verdict {
  return { kind: 'deny', errno, rule, reason, ...logged(log) };
}

/** Lets the call go on with `flags` instead of those asked for. Only bits may be missing, never added. */
export function narrow(
  flags: number,
  rule: string,
  reason: string,
  log?: readonly string[],
): Verdict {
  return { kind: 'narrow', flags, rule, reason, ...logged(log) };
}

export function kill(
  signal: string,
  rule: string,
  reason: string,
  log?: readonly string[],
): Verdict {
  return { kind: 'kill', signal, rule, reason, ...logged(log) };
}

/** Lets it pass, but leaves a note in the trace and the log: what a permissive mode does. */
export function allowNoted(rule: string, reason: string, log?: readonly string[]): Verdict {
  return { kind: 'allow', rule, reason, ...logged(log) };
}

function logged(log: readonly string[] | undefined): { readonly log?: readonly string[] } {
  return log === undefined || log.length === 0 ? {} : { log };
}

const KINDS = { allow: 'noted', narrow: 'narrowed', deny: 'denied', kill: 'killed' } as const;

/** Undefined for a verdict that names no rule: a silent 'allow'. */
export function causeOfVerdict(ruling: Ruling): Cause | undefined {
  const { rule } = ruling;
  if (rule === undefined) return undefined;
  const [family = ''] = rule.split('/');
  const { policy = family, reason = '' } = ruling;
  return {
    kind: KINDS[ruling.kind],
    policy,
    rule,
    reason,
    ...(ruling.kind === 'kill' ? { signal: ruling.signal } : {}),
    ...(ruling.kind === 'deny' && ruling.status !== undefined ? { status: ruling.status } : {}),
  };
}
