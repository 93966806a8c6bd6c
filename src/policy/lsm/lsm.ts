/**
 * lsm: security hooks and an SELinux policy that lie in the memory of a kernel in ring 0 beside the process. Each check
 * reads them there as they are at that moment, without a cache: what has been written over decides otherwise.
 */

import {
  allow,
  allowNoted,
  deny,
  kill,
  type MmFacts,
  type Policy,
  type Verdict,
} from '../policy.js';
import { avcLine } from '../selinux/avc.js';
import { mapChecks, type PermissionCheck, protectChecks } from '../selinux/checks.js';
import { contextOf, labelOf } from '../selinux/file-contexts.js';
import { taskOf } from '../task.js';
import { asksSelinux, type SecurityHook } from './hook-list.js';
import { LSM, LSM_RULES } from './info.js';
import { BrokenData, type KernelMemory } from './kernel-memory.js';
import { askDatabase, type DatabaseAnswer, isEnforcing } from './policy-database.js';

const DOMAIN = 'unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023';
const SETTINGS = { kernel: '6.18', asRequested: false } as const;

/** The policy of a process beside this kernel. */
export function lsmMechanism(memory: KernelMemory): Policy {
  const judge = (
    hook: SecurityHook,
    checks: readonly PermissionCheck[],
    facts: MmFacts,
  ): Verdict => {
    try {
      return checks.length > 0 && asksSelinux(memory, hook) ? decide(memory, checks, facts) : allow;
    } catch (error) {
      if (!(error instanceof BrokenData)) throw error;
      return oops(error);
    }
  };
  return {
    name: LSM,
    mmapFile: (request, facts) => judge('mmap_file', mapChecks(SETTINGS, request), facts),
    mprotect: (vma, request, facts) =>
      judge('file_mprotect', protectChecks(SETTINGS, vma, request, facts), facts),
  };
}

/** The first check that fails ends the call; while the kernel is permissive each is logged and nothing ends. */
function decide(memory: KernelMemory, checks: readonly PermissionCheck[], facts: MmFacts): Verdict {
  const answered = checks.map((check) => ({
    check,
    answer: askDatabase(memory, check.permission),
  }));
  const failed = answered.filter(({ answer }) => !answer.allowed);
  const [first] = failed;
  if (first === undefined) return allow;
  const enforcing = isEnforcing(memory);
  const line = ({ check }: { readonly check: PermissionCheck }): string =>
    logLine(check, facts, enforcing);
  const { permission } = first.check;
  const rule = `${LSM}/${permission}`;
  const reason = `${LSM_RULES[permission]}: ${ruleText(first.answer)}`;
  return enforcing
    ? deny('EACCES', rule, reason, [line(first)])
    : allowNoted(rule, reason, failed.map(line));
}

function ruleText({ node, rule }: DatabaseAnswer): string {
  return node === undefined
    ? `the database in the kernel's memory has no rule for '${rule}'`
    : `the rule at 0x${node.toString(16)} in the kernel's memory is '${rule}'`;
}

function logLine(check: PermissionCheck, facts: MmFacts, enforcing: boolean): string {
  const common = {
    permissions: [check.permission],
    sourceContext: DOMAIN,
    permissive: !enforcing,
  };
  const object = 'object' in check ? check.object : undefined;
  const denial =
    object === undefined
      ? { ...common, targetContext: DOMAIN, targetClass: 'process' }
      : {
          ...common,
          targetContext: contextOf(labelOf(object)),
          targetClass: labelOf(object).class,
          object,
        };
  return avcLine(denial, taskOf(facts), 'kernel');
}

/** The kernel itself would fault there, in the name of whoever made the call. */
function oops({ address }: BrokenData): Verdict {
  const where = address.toString(16).padStart(16, '0');
  return kill('SIGKILL', `${LSM}/oops`, `${LSM_RULES.oops}: nothing can be read at 0x${where}`, [
    `BUG: unable to handle page fault for address: ${where}`,
  ]);
}
