/**
 * Policies: pure functions from a request and the state of a VMA to a verdict, at the places where
 * the kernel has its hooks. A policy reads only its arguments and can only take away.
 */

import type { HookFunctions } from '../base/hook.js';
import type { ImageFacts } from '../os/linux/exec/hooks.js';
import type { PolicyEffects } from './effects.js';
import type { HOOKS } from './hooks.js';

export { allow, allowNoted, deny, kill, narrow, type Verdict } from '../base/verdict.js';
export type { ImageFacts } from '../os/linux/exec/hooks.js';
export type {
  FaultContext,
  MapRequest,
  MmFacts,
  ProtectRequest,
  RemapRequest,
  TaskFacts,
} from '../os/linux/mm/hooks.js';

/** Besides what stands here, any of the hooks: those of execve, of the entry of a call, and of the memory manager. */
export interface Policy extends Partial<HookFunctions<typeof HOOKS>> {
  readonly name: string;
  /** Canonical spec text, for instance 'pax:mprotect=off'; the name when absent. */
  readonly spec?: string;
  /** What the machine, the memory manager and the loader must do differently. */
  readonly effects?: PolicyEffects;
  /** The policy as the marks in a program's file shape it; called at exec. Absent: the file has no say. */
  forProgram?(image: ImageFacts): Policy;
}
