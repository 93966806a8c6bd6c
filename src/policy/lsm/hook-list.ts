/**
 * The hook table in the memory of a kernel: `security_hook_heads`, one head for each hook, each the first of a list of
 * security_hook_list. Linux include/linux/lsm_hooks.h (before 6.12 made static calls of it), with lists that are linked one way.
 */
import { BrokenData, type KernelMemory, wordAt } from './kernel-memory.js';

/** In the order of the table. */
export const HOOKS = ['mmap_file', 'file_mprotect'] as const;
export type SecurityHook = (typeof HOOKS)[number];

export const HOOK_TABLE = 'security_hook_heads';
/** The function of a hook of SELinux, by symbol. */
const SELINUX = 'selinux_';

/** struct security_hook_list: next, hook (the function), lsm (its name). */
const FUNCTION = 8n;
/** More of them are a list in a circle. */
const MOST_HOOKS = 64;

/** Is SELinux in the list of this hook? @throws BrokenData for a list that cannot be read to its end. */
export function asksSelinux(memory: KernelMemory, hook: SecurityHook): boolean {
  const table = memory.symbol(HOOK_TABLE);
  if (table === undefined) return false;
  let at = wordAt(memory, table + 8n * BigInt(HOOKS.indexOf(hook)));
  for (let n = 0; at !== 0n; n++) {
    if (n === MOST_HOOKS) throw new BrokenData(at);
    if (wordAt(memory, at + FUNCTION) === memory.symbol(`${SELINUX}${hook}`)) return true;
    at = wordAt(memory, at);
  }
  return false;
}
