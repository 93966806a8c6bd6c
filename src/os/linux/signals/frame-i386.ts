/**
 * Signal frames of i386 programs: struct sigframe_ia32 for a plain handler, rt_sigframe_ia32 with
 * SA_SIGINFO. Compare arch/x86/kernel/signal_32.c: ia32_setup_frame(), ia32_setup_rt_frame() and the
 * two sigreturn calls; layouts of arch/x86/include/asm/sigframe.h.
 */

import { SA_RESTORER, SA_SIGINFO } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import type { Engine } from '../../../engine/engine.js';
import { structIn } from '../../../kernel/user-memory.js';
import { setAlternateStack } from './alternate-stack.js';
import { FSAVE_SIZE, loadFsave, toFsave } from './fpu.js';
import {
  chooseStack,
  clearEntryFlags,
  type Delivery,
  disarm,
  type FrameContext,
  frameFits,
  restoreFlags,
} from './frame.js';
import { encodeSiginfo } from './siginfo.js';
import { isExtended, loadState, resetState, saveState, stateSize } from './xsave.js';

const SEGMENT_REGISTERS = ['gs', 'fs', 'es', 'ds'];
const GENERAL_REGISTERS = ['edi', 'esi', 'ebp', 'esp', 'ebx', 'edx', 'ecx', 'eax'];

/** Offsets in struct sigcontext_32. */
const GENERAL = 16;
const TRAPNO = 48;
const IP = 56;
const CS = 60;
const FLAGS = 64;
const SP_AT_SIGNAL = 68;
const SS = 72;
const FPSTATE = 76;
const UC_FP_XSTATE = 1;
const OLDMASK = 80;
const CR2 = 84;
const SIGCONTEXT_SIZE = 88;

/** struct sigframe_ia32: pretcode, sig, sc, fpstate_unused, extramask, retcode. */
const PLAIN_CONTEXT = 8;
const PLAIN_EXTRAMASK = 720;
const PLAIN_RETCODE = 724;
const PLAIN_SIZE = 732;

/** struct rt_sigframe_ia32: pretcode, sig, pinfo, puc, info, uc, retcode. */
const RT_INFO = 16;
const RT_UC = 144;
const RT_UC_STACK = RT_UC + 8;
const RT_CONTEXT = RT_UC + 20;
const RT_SIGMASK = RT_UC + 108;
const RT_RETCODE = 260;
const RT_SIZE = 268;

/** `pop eax; mov eax, __NR_sigreturn; int 0x80` and its like: a mark for debuggers, not run. */
const PLAIN_CODE = Uint8Array.of(0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80);
const RT_CODE = Uint8Array.of(0xb8, 0xad, 0, 0, 0, 0xcd, 0x80, 0);

const USER_CS = 0x23;
const USER_DS = 0x2b;
const WORD = 0xffffffffn;

interface Placed {
  readonly frame: Addr;
  readonly fpstate: Addr;
}

/** Where the frame of `size` bytes and the floating-point state above it go; undefined: they do not fit. */
function place(
  { engine, signals, keys }: FrameContext,
  delivery: Delivery,
  size: number,
): Placed | undefined {
  const choice = chooseStack(signals, delivery.action, engine.readRegister('esp'), 0n);
  const fpstate = ((choice.sp - BigInt(stateSize(engine, keys))) & ~63n) - BigInt(FSAVE_SIZE);
  // At the handler's first instruction the stack is as after a call with 16-byte aligned arguments.
  const frame = ((fpstate - BigInt(size) + 4n) & ~15n) - 4n;
  return frame < 0n || !frameFits(choice, signals.alternateStack, frame)
    ? undefined
    : { frame, fpstate };
}

export function setupFrame32(context: FrameContext, delivery: Delivery): Result<0> {
  const rt = (delivery.action.flags & SA_SIGINFO) !== 0;
  const placed = place(context, delivery, rt ? RT_SIZE : PLAIN_SIZE);
  if (placed === undefined) return fail('EFAULT');
  const { engine, memory, signals, keys } = context;
  const { info, action } = delivery;
  const fx = saveState(engine, keys);
  const state = new Struct(FSAVE_SIZE + stateSize(engine, keys)).set(0, toFsave(fx).bytes);
  const saved = memory.copyOut(placed.fpstate, state.set(FSAVE_SIZE, fx.bytes).bytes);
  if (!saved.ok) return saved;
  const frame = rt ? rtFrame(context, delivery, placed) : plainFrame(context, delivery, placed);
  const written = memory.copyOut(placed.frame, frame.bytes);
  if (!written.ok) return written;

  disarm(signals);
  engine.writeRegister('eax', BigInt(info.signal));
  engine.writeRegister('edx', rt ? placed.frame + BigInt(RT_INFO) : 0n);
  engine.writeRegister('ecx', rt ? placed.frame + BigInt(RT_UC) : 0n);
  engine.writeRegister('esp', placed.frame);
  engine.writeRegister('eip', action.handler & WORD);
  for (const name of ['ds', 'es']) setSegment(engine, name, USER_DS);
  clearEntryFlags(engine);
  return ok(0);
}

function plainFrame(context: FrameContext, { info, action }: Delivery, placed: Placed): Struct {
  const { signals, returnStub } = context;
  const back = action.flags & SA_RESTORER ? action.restorer : returnStub.sigreturn;
  return new Struct(PLAIN_SIZE)
    .setWord(0, 4, back)
    .setU32(4, info.signal)
    .set(PLAIN_CONTEXT, sigcontext(context, placed.fpstate))
    .setU32(PLAIN_EXTRAMASK, Number(signals.maskToRestore >> 32n))
    .set(PLAIN_RETCODE, PLAIN_CODE);
}

function rtFrame(context: FrameContext, { info, action }: Delivery, placed: Placed): Struct {
  const { signals, returnStub } = context;
  const back = action.flags & SA_RESTORER ? action.restorer : returnStub.rtSigreturn;
  const stack = signals.alternateStack;
  return new Struct(RT_SIZE)
    .setWord(0, 4, back)
    .setU32(4, info.signal)
    .setWord(8, 4, placed.frame + BigInt(RT_INFO))
    .setWord(12, 4, placed.frame + BigInt(RT_UC))
    .set(RT_INFO, encodeSiginfo(info, 4))
    .setU32(RT_UC, isExtended(context.engine, context.keys) ? UC_FP_XSTATE : 0)
    .setWord(RT_UC_STACK, 4, stack.start)
    .setU32(RT_UC_STACK + 4, stack.flags)
    .setWord(RT_UC_STACK + 8, 4, stack.size)
    .set(RT_CONTEXT, sigcontext(context, placed.fpstate))
    .setU64(RT_SIGMASK, signals.maskToRestore)
    .set(RT_RETCODE, RT_CODE);
}

function sigcontext({ engine, signals }: FrameContext, fpstate: Addr): Uint8Array {
  const { trap } = signals;
  const sp = engine.readRegister('esp');
  const context = new Struct(SIGCONTEXT_SIZE)
    .setU32(TRAPNO, trap.number)
    .setU32(TRAPNO + 4, trap.errorCode)
    .setWord(IP, 4, engine.readRegister('eip'))
    .setU16(CS, USER_CS)
    .setWord(FLAGS, 4, engine.readRegister('eflags'))
    .setWord(SP_AT_SIGNAL, 4, sp)
    .setU16(SS, USER_DS)
    .setWord(FPSTATE, 4, fpstate)
    .setWord(OLDMASK, 4, signals.maskToRestore)
    .setWord(CR2, 4, trap.address);
  for (const [index, name] of SEGMENT_REGISTERS.entries()) {
    context.setU16(4 * index, Number(engine.readRegister(name)));
  }
  for (const [index, name] of GENERAL_REGISTERS.entries()) {
    context.setWord(GENERAL + 4 * index, 4, engine.readRegister(name));
  }
  return context.bytes;
}

/** sigreturn: the handler's `ret` and the stub's `pop` have taken the first two words. */
export function restorePlainFrame(context: FrameContext): Result<0> {
  const start = context.engine.readRegister('esp') - 8n;
  const read = structIn(context.memory, start, PLAIN_RETCODE);
  if (!read.ok) return read;
  const mask = read.value.u32(PLAIN_CONTEXT + OLDMASK);
  const extra = read.value.u32(PLAIN_EXTRAMASK);
  context.signals.blocked = (BigInt(extra) << 32n) | BigInt(mask);
  return restoreContext(context, new Struct(read.value.slice(PLAIN_CONTEXT, SIGCONTEXT_SIZE)));
}

/** rt_sigreturn: the handler's `ret` has taken the first word. */
export function restoreRtFrame(context: FrameContext): Result<0> {
  const start = context.engine.readRegister('esp') - 4n;
  const read = structIn(context.memory, start, RT_RETCODE);
  if (!read.ok) return read;
  const frame = read.value;
  context.signals.blocked = frame.u64(RT_SIGMASK);
  const done = restoreContext(context, new Struct(frame.slice(RT_CONTEXT, SIGCONTEXT_SIZE)));
  if (!done.ok) return done;
  const stack = {
    start: frame.word(RT_UC_STACK, 4),
    flags: frame.u32(RT_UC_STACK + 4),
    size: frame.word(RT_UC_STACK + 8, 4),
  };
  setAlternateStack(context.signals, stack, context.engine.readRegister('esp'));
  return ok(0);
}

function restoreContext({ engine, memory, keys }: FrameContext, context: Struct): Result<0> {
  const at = context.word(FPSTATE, 4);
  const state = at === 0n ? undefined : structIn(memory, at, FSAVE_SIZE + stateSize(engine, keys));
  if (state !== undefined && !state.ok) return state;
  for (const [index, name] of SEGMENT_REGISTERS.entries()) {
    setSegment(engine, name, context.u16(4 * index));
  }
  for (const [index, name] of GENERAL_REGISTERS.entries()) {
    engine.writeRegister(name, context.word(GENERAL + 4 * index, 4));
  }
  engine.writeRegister('eip', context.word(IP, 4));
  restoreFlags(engine, context.word(FLAGS, 4));
  // Selectors that do not exist are refused by IRET, when all else is in place.
  const known = (context.u16(CS) | 3) === USER_CS && (context.u16(SS) | 3) === USER_DS;
  if (state === undefined) {
    resetState(engine, keys);
    return known ? ok(0) : fail('EFAULT');
  }
  const extended = new Struct(state.value.slice(FSAVE_SIZE, stateSize(engine, keys)));
  if (!loadState(engine, extended, keys)) return fail('EFAULT');
  loadFsave(engine, state.value);
  return known ? ok(0) : fail('EFAULT');
}

/** Loads a data segment; a selector that does not exist becomes the null selector, as after a fixup. */
function setSegment(engine: Engine, name: string, selector: number): void {
  const wanted = selector === 0 ? 0 : selector | 3;
  if (Number(engine.readRegister(name)) === wanted) return;
  const known = wanted === USER_DS || (wanted >= 0x63 && wanted <= 0x73 && (wanted & 4) === 0);
  engine.writeRegister(name, BigInt(known ? wanted : 0));
}
