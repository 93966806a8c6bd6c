/** All hooks by name, each defined by whoever asks there. */
import { ENTRY_HOOKS, type EntryHookArguments } from '../os/linux/entry/hooks.js';
import { EXEC_HOOKS, type ExecHookArguments } from '../os/linux/exec/hooks.js';
import { MM_HOOKS, type MmHookArguments } from '../os/linux/mm/hooks.js';

export const HOOKS = { ...EXEC_HOOKS, ...ENTRY_HOOKS, ...MM_HOOKS };

export type HookName = keyof typeof HOOKS;

export const HOOK_NAMES = Object.keys(HOOKS) as readonly HookName[];

/** What a policy is shown at each hook. */
export interface AllHookArguments extends ExecHookArguments, EntryHookArguments, MmHookArguments {}
