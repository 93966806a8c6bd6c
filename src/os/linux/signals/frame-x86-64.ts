/**
 * Signal frames of x86-64: struct rt_sigframe. Compare arch/x86/kernel/signal_64.c:x64_setup_rt_frame()
 * and sys_rt_sigreturn(); layouts of arch/x86/include/uapi/asm/sigcontext.h.
 */

import { SA_RESTORER } from '../../../abi/linux/signal.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { structIn } from '../../../kernel/user-memory.js';
import { setAlternateStack } from './alternate-stack.js';
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

/** In the order of struct sigcontext_64. */
const GENERAL_REGISTERS = [
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
  ...['rdi', 'rsi', 'rbp', 'rbx', 'rdx', 'rax', 'rcx', 'rsp', 'rip'],
];

const RED_ZONE = 128n;
/** Offsets in struct rt_sigframe: pretcode, uc, info. */
const UC = 8;
const UC_STACK = UC + 16;
const SIGCONTEXT = UC + 40;
const FLAGS = SIGCONTEXT + 136;
const SEGMENTS = SIGCONTEXT + 144;
const ERR = SIGCONTEXT + 152;
const FPSTATE = SIGCONTEXT + 184;
const SIGMASK = UC + 296;
const INFO = UC + 304;
const FRAME_SIZE = 440;

/** UC_SIGCONTEXT_SS and UC_STRICT_RESTORE_SS. */
const UC_FLAGS = 6n;
const UC_FP_XSTATE = 1n;
const USER_CS = 0x33;
const USER_DS = 0x2b;

/** EFAULT: the frame could not be written. Nothing but the stack was changed then. */
export function setupFrame64(context: FrameContext, { info, action }: Delivery): Result<0> {
  const { engine, memory, signals, keys } = context;
  if (!(action.flags & SA_RESTORER)) return fail('EFAULT');
  const choice = chooseStack(signals, action, engine.readRegister('rsp'), RED_ZONE);
  const fpstate = (choice.sp - BigInt(stateSize(engine, keys))) & ~63n;
  const sp = ((fpstate - BigInt(FRAME_SIZE)) & ~15n) - 8n;
  if (sp < 0n || !frameFits(choice, signals.alternateStack, sp)) return fail('EFAULT');

  const frame = describe(context, fpstate)
    .setU64(0, action.restorer)
    .set(INFO, encodeSiginfo(info, 8));
  const written = memory.copyOut(fpstate, saveState(engine, keys).bytes);
  if (!written.ok) return written;
  const framed = memory.copyOut(sp, frame.bytes);
  if (!framed.ok) return framed;

  disarm(signals);
  engine.writeRegister('rdi', BigInt(info.signal));
  engine.writeRegister('rax', 0n);
  engine.writeRegister('rsi', sp + BigInt(INFO));
  engine.writeRegister('rdx', sp + BigInt(UC));
  engine.writeRegister('rsp', sp);
  engine.writeRegister('rip', action.handler);
  clearEntryFlags(engine);
  return ok(0);
}

function describe({ engine, signals, keys }: FrameContext, fpstate: bigint): Struct {
  const stack = signals.alternateStack;
  const frame = new Struct(FRAME_SIZE)
    .setU64(UC, UC_FLAGS | (isExtended(engine, keys) ? UC_FP_XSTATE : 0n))
    .setU64(UC_STACK, stack.start)
    .setU32(UC_STACK + 8, stack.flags)
    .setU64(UC_STACK + 16, stack.size)
    .setU64(FLAGS, engine.readRegister('eflags'))
    .setU16(SEGMENTS, USER_CS)
    .setU16(SEGMENTS + 6, USER_DS)
    .setU64(ERR, BigInt(signals.trap.errorCode))
    .setU64(ERR + 8, BigInt(signals.trap.number))
    .setU64(ERR + 16, signals.maskToRestore)
    .setU64(ERR + 24, signals.trap.address)
    .setU64(FPSTATE, fpstate)
    .setU64(SIGMASK, signals.maskToRestore);
  for (const [index, name] of GENERAL_REGISTERS.entries()) {
    frame.setU64(SIGCONTEXT + 8 * index, engine.readRegister(name));
  }
  return frame;
}

/** Takes the registers back from the frame above the stack pointer. EFAULT: a bad frame. */
export function restoreFrame64(context: FrameContext): Result<0> {
  const { engine, memory, signals, keys } = context;
  const start = engine.readRegister('rsp') - 8n;
  // The handler's `ret` has taken pretcode; all but the siginfo must be readable.
  const read = structIn(memory, start + BigInt(UC), INFO - UC);
  if (!read.ok) return read;
  const frame = new Struct(FRAME_SIZE).set(UC, read.value.bytes);
  signals.blocked = frame.u64(SIGMASK);
  const fpstate = frame.u64(FPSTATE);
  const fx = fpstate === 0n ? undefined : structIn(memory, fpstate, stateSize(engine, keys));
  if (fx !== undefined && !fx.ok) return fx;

  for (const [index, name] of GENERAL_REGISTERS.entries()) {
    engine.writeRegister(name, frame.u64(SIGCONTEXT + 8 * index));
  }
  restoreFlags(engine, frame.u64(FLAGS));
  if (fx === undefined) resetState(engine, keys);
  else if (!loadState(engine, fx.value, keys)) return fail('EFAULT');
  // Only this selector leads to 64-bit user code: any other one is refused by IRET.
  if ((frame.u16(SEGMENTS) | 3) !== USER_CS) return fail('EFAULT');
  setAlternateStack(
    signals,
    {
      start: frame.u64(UC_STACK),
      flags: frame.u32(UC_STACK + 8),
      size: frame.u64(UC_STACK + 16),
    },
    engine.readRegister('rsp'),
  );
  return ok(0);
}
