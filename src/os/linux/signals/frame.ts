/** What the frames of both architectures share: where a frame goes, and which flags it may change. */

import { SA_ONSTACK, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import type { Engine } from '../../../engine/engine.js';
import type { UserMemory } from '../../../kernel/user-memory.js';
import type { SignalInfo } from './siginfo.js';
import type { SignalAction } from './signal-actions.js';
import { type AlternateStack, NO_ALTERNATE_STACK, type SignalState } from './signal-state.js';
import type { KeyRights } from './xsave.js';

/** What a frame is made of and put back into. */
export interface FrameContext {
  readonly engine: Engine;
  readonly memory: UserMemory;
  readonly signals: SignalState;
  /** undefined: the processor has no protection keys. */
  readonly keys: KeyRights | undefined;
  /** Where a handler without SA_RESTORER returns to (i386). */
  readonly returnStub: { readonly sigreturn: Addr; readonly rtSigreturn: Addr };
}

export interface Delivery {
  readonly info: SignalInfo;
  readonly action: SignalAction;
}

/** EFLAGS that a handler may change in its frame (FIX_EFLAGS): AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF. */
const RESTORABLE_FLAGS = 0x00050dd5n;
/** Cleared on entry of a handler: DF, RF, TF. */
const ENTRY_FLAGS = 0x00010500n;

export function clearEntryFlags(engine: Engine): void {
  engine.writeRegister('eflags', engine.readRegister('eflags') & ~ENTRY_FLAGS);
}

export function restoreFlags(engine: Engine, saved: bigint): void {
  const kept = engine.readRegister('eflags') & ~RESTORABLE_FLAGS;
  engine.writeRegister('eflags', kept | (saved & RESTORABLE_FLAGS));
}

/** Compare include/linux/sched/signal.h:__on_sig_stack(). The low end itself is outside. */
function inside(stack: AlternateStack, sp: Addr): boolean {
  return sp > stack.start && sp - stack.start <= stack.size;
}

/** An autodisarming stack is off while its handler runs, so nobody is ever on it. */
export function onAlternateStack(stack: AlternateStack, sp: Addr): boolean {
  return !(stack.flags & SS_AUTODISARM) && inside(stack, sp);
}

/** ss_flags as sigaltstack(2) reports them; frames hold them as they were set. */
export function stackFlags(stack: AlternateStack, sp: Addr): number {
  const place = stack.size === 0n ? SS_DISABLE : onAlternateStack(stack, sp) ? SS_ONSTACK : 0;
  return place | (stack.flags & SS_AUTODISARM);
}

export interface StackChoice {
  /** Top of the space for the frame. */
  readonly sp: Addr;
  /** The frame lies on the alternate stack and must fit. */
  readonly alternate: boolean;
}

/** Compare arch/x86/kernel/signal.c:get_sigframe(). */
export function chooseStack(
  signals: SignalState,
  action: SignalAction,
  sp: Addr,
  redZone: bigint,
): StackChoice {
  const stack = signals.alternateStack;
  const below = sp - redZone;
  if (action.flags & SA_ONSTACK && stack.size !== 0n && !onAlternateStack(stack, below)) {
    return { sp: stack.start + stack.size, alternate: true };
  }
  return { sp: below, alternate: onAlternateStack(stack, sp) };
}

export function frameFits(choice: StackChoice, stack: AlternateStack, frame: Addr): boolean {
  return !choice.alternate || inside(stack, frame);
}

/** SS_AUTODISARM: the frame has the stack's description, the process none until it returns. */
export function disarm(signals: SignalState): void {
  if (signals.alternateStack.flags & SS_AUTODISARM) signals.alternateStack = NO_ALTERNATE_STACK;
}
