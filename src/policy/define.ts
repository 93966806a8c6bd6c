/**
 * definePolicy: a policy of one's own in ten lines. Its hooks are those of Policy; each returns
 * undefined (no objection) or an answer with the reason. What the answer lacks is filled in: the rule
 * id is `policy/hook` in kebab case, the errno EACCES.
 *
 *   const noGain = definePolicy({
 *     name: 'no-gain',
 *     mprotect: (vma, { flags }) =>
 *       !(vma.flags & VM_EXEC) && flags & VM_EXEC
 *         ? { rule: 'gain-exec', reason: 'memory created without execute stays so' }
 *         : undefined,
 *   });
 */

import { ERRNO } from '../abi/linux/errno.js';
import { checkRecord } from '../base/arguments.js';
import type { Errno } from '../base/errno.js';
import { MayexecError, nearest, unknownValue } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { shorten } from '../base/text.js';
import { VM_ACCESS, VM_MAYACCESS, type VmFlags } from '../os/linux/mm/vmas/vma.js';
import { EFFECT_NAMES, type PolicyEffects } from './effects.js';
import { HOOK_NAMES, HOOKS, type HookName } from './hooks.js';
import { allow, allowNoted, deny, kill, narrow, type Policy, type Verdict } from './policy.js';

/** An objection. With neither `clear` nor `kill` nor `note`, the call fails with `errno`. */
export interface PolicyAnswer {
  /** One sentence for people. */
  readonly reason: string;
  /** The part of the rule id after the policy's name, in kebab case. Default: the hook's name. */
  readonly rule?: string;
  /** Default EACCES. */
  readonly errno?: Errno;
  /** VM_* bits that the mapping silently loses instead; a right goes with its may bit. */
  readonly clear?: VmFlags;
  /** The signal that kills the process instead, for instance 'SIGKILL'. */
  readonly kill?: string;
  /** Only noted in the trace (a permissive mode); of the hook `fault`: this rule is the cause. */
  readonly note?: true;
  /** Lines for the kernel log. */
  readonly log?: readonly string[];
}

type HookInput<K extends HookName> =
  NonNullable<Policy[K]> extends (...args: infer Args) => Verdict
    ? (...args: Args) => PolicyAnswer | undefined
    : never;

export type PolicyInput = {
  /** Kebab case, and not a built-in policy's. */
  readonly name: string;
  readonly effects?: PolicyEffects;
} & { readonly [K in HookName]?: HookInput<K> };

const KEBAB = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const ANSWER: OptionNames<PolicyAnswer> = {
  reason: true,
  rule: true,
  errno: true,
  clear: true,
  kill: true,
  note: true,
  log: true,
};

/**
 * @throws MayexecError for a name that is not kebab case or an unknown field; later, when a hook gives
 * an answer that is none (no reason, an unknown errno, bits that are no rights), or throws (as `cause`).
 */
export function definePolicy(input: PolicyInput): Policy {
  checkRecord('the policy', input, 'an object of a name and hooks');
  const { name, effects } = input;
  if (typeof name !== 'string' || !KEBAB.test(name)) {
    throw new MayexecError(`policy name '${String(name)}': expected kebab case such as 'no-gain'`);
  }
  const fields = ['name', 'effects', ...HOOK_NAMES];
  for (const field of Object.keys(input)) {
    if (!fields.includes(field)) throw unknownValue(`field of policy '${name}'`, field, fields);
  }
  checkOptionNames(`effects of policy '${name}'`, effects, EFFECT_NAMES);
  const used = HOOK_NAMES.filter((hook) => input[hook] !== undefined);
  if (used.length === 0) {
    throw new MayexecError(
      `policy '${name}' has no hook: expected one of ${HOOK_NAMES.join(', ')}`,
    );
  }
  const hooks = used.map((hook) => [hook, wrap(name, hook, input[hook])] as const);
  return { name, ...(effects === undefined ? {} : { effects }), ...Object.fromEntries(hooks) };
}

function wrap(policy: string, hook: HookName, ask: unknown): (...args: unknown[]) => Verdict {
  if (typeof ask !== 'function') {
    throw new MayexecError(
      `hook '${hook}' of policy '${policy}' is ${String(ask)}: expected a function`,
    );
  }
  return (...args) => {
    const answer = answerOf(policy, hook, () => ask(...args));
    if (answer === undefined) return allow;
    checkAnswer(`hook '${hook}' of policy '${policy}'`, answer);
    return verdictOf(policy, hook, answer, args);
  };
}

/** What a hook throws is a mistake of the host, whose sandbox cannot go on. */
function answerOf(
  policy: string,
  hook: HookName,
  ask: () => PolicyAnswer | undefined,
): PolicyAnswer | undefined {
  try {
    return ask();
  } catch (cause) {
    const reason = shorten(cause instanceof Error ? cause.message : String(cause));
    throw new MayexecError(`hook ${hook} of policy '${policy}' threw: ${reason}`, { cause });
  }
}

function checkAnswer(where: string, answer: PolicyAnswer): void {
  if (typeof answer !== 'object' || answer === null) {
    throw new MayexecError(
      `${where} answers ${String(answer)}: expected undefined or an object with a reason`,
    );
  }
  checkOptionNames(`the answer of ${where}`, answer, ANSWER);
  const { reason, rule, errno, clear, kill: signal, note } = answer;
  if (typeof reason !== 'string' || reason.trim() === '') {
    throw new MayexecError(`${where} answers without a reason: expected one sentence for people`);
  }
  if (rule !== undefined && !KEBAB.test(rule)) {
    throw new MayexecError(`${where}: rule '${rule}': expected kebab case`);
  }
  if (errno !== undefined && !Object.hasOwn(ERRNO, errno)) {
    const guess = nearest(String(errno), Object.keys(ERRNO)) ?? 'EACCES';
    throw new MayexecError(
      `${where} answers the unknown errno '${shorten(String(errno))}': expected a name such as ${guess}`,
    );
  }
  if (clear !== undefined && clear & ~(VM_ACCESS | VM_MAYACCESS)) {
    throw new MayexecError(
      `${where}: 'clear' names bits that are no rights: 0x${clear.toString(16)}`,
    );
  }
  if (signal !== undefined && !/^SIG[A-Z0-9]+$/.test(signal)) {
    throw new MayexecError(`${where}: kill is '${signal}': expected a signal such as 'SIGKILL'`);
  }
  if ([errno, clear, signal, note].filter((choice) => choice !== undefined).length > 1) {
    throw new MayexecError(`${where}: expected one of errno, clear, kill and note, got several`);
  }
}

function verdictOf(
  policy: string,
  hook: HookName,
  answer: PolicyAnswer,
  args: readonly unknown[],
): Verdict {
  const rule = `${policy}/${answer.rule ?? kebab(hook)}`;
  const { reason, log } = answer;
  if (answer.kill !== undefined) return kill(answer.kill, rule, reason, log);
  if (answer.note) return allowNoted(rule, reason, log);
  if (answer.clear === undefined) return deny(answer.errno ?? 'EACCES', rule, reason, log);
  const flags = flagsOf(hook, args);
  if (flags === undefined) {
    throw new MayexecError(`hook '${hook}' of policy '${policy}' has no flags to clear bits of`);
  }
  const kept = flags & ~(answer.clear | ((answer.clear & VM_MAYACCESS) >> 4));
  return kept === flags ? allow : narrow(kept, rule, reason, log);
}

function flagsOf(hook: HookName, args: readonly unknown[]): VmFlags | undefined {
  const { request } = HOOKS[hook];
  return request === undefined ? undefined : (args[request] as { readonly flags: VmFlags }).flags;
}

function kebab(hook: HookName): string {
  return hook.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
