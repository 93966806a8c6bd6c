/** msvcrt: setjmp and longjmp. The frames that a jump leaves are told, as by an exception. Layout: setjmp.h. */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { Resumed } from '../calls/control.js';
import type { HostTask } from '../calls/task.js';
import { unwindI386 } from '../exceptions/frames-i386.js';
import { unwindX64 } from '../exceptions/frames-x64.js';
import type { Win32Process } from '../process/process.js';

const GENERAL_64 = [
  ['rbx', 0x08],
  ['rsp', 0x10],
  ['rbp', 0x18],
  ['rsi', 0x20],
  ['rdi', 0x28],
  ['r12', 0x30],
  ['r13', 0x38],
  ['r14', 0x40],
  ['r15', 0x48],
  ['rip', 0x50],
] as const;
const SIZE_64 = 0x100;
const MXCSR_64 = 0x58;
const FPCSR_64 = 0x5c;
const XMM6_64 = 0x60;
const GENERAL_32 = [
  ['ebp', 0x00],
  ['ebx', 0x04],
  ['edi', 0x08],
  ['esi', 0x0c],
] as const;
const SIZE_32 = 0x40;
const ESP_32 = 0x10;
const EIP_32 = 0x14;
const REGISTRATION_32 = 0x18;
const TRY_LEVEL_32 = 0x1c;
const COOKIE_32 = 0x20;
/** 'VC20': the buffer has the fields of _setjmp3. */
const VC20 = 0x5643_3230;

/** As the caller will be when the function has returned. */
function save64(call: ApiCall): bigint {
  const { engine, sp } = call.process;
  const out = new Struct(SIZE_64).setU64(0, call.word(1));
  for (const [name, at] of GENERAL_64) out.setU64(at, engine.readRegister(name));
  out.setU64(0x10, sp + 8n).setU64(0x50, call.caller);
  out.setU32(MXCSR_64, Number(engine.readRegister('mxcsr')));
  out.setU16(FPCSR_64, Number(engine.readRegister('fpcw')));
  for (let index = 6; index < 16; index++) {
    const value = engine.readRegister(`xmm${index}`);
    const at = XMM6_64 + (index - 6) * 16;
    out.setU64(at, value).setU64(at + 8, value >> 64n);
  }
  call.memory.write(call.word(0), out.bytes);
  return 0n;
}

function save32(call: ApiCall): bigint {
  const { engine, sp, teb } = call.process;
  const out = new Struct(SIZE_32);
  for (const [name, at] of GENERAL_32) out.setU32(at, Number(engine.readRegister(name)));
  out.setU32(ESP_32, Number(sp)).setU32(EIP_32, Number(call.caller));
  out.setU32(REGISTRATION_32, call.memory.u32(teb)).setU32(TRY_LEVEL_32, 0xffff_ffff);
  out.setU32(COOKIE_32, VC20);
  call.memory.write(call.word(0), out.bytes);
  return 0n;
}

function* jump(call: ApiCall): HostTask<never> {
  const { process, memory } = call;
  const value = call.dword(1) === 0 ? 1n : BigInt(call.dword(1));
  const buffer = memory.struct(call.word(0), process.wide ? SIZE_64 : SIZE_32);
  if (!process.wide) {
    const frame = BigInt(buffer.u32(REGISTRATION_32));
    if (BigInt(memory.u32(process.teb)) !== frame) yield* unwindI386(process, frame, 0n);
    return resume32(process, buffer, value);
  }
  const target = buffer.u64(0);
  if (target === 0n) return resume64(process, buffer, value);
  return yield* unwindX64(process, {
    target,
    targetIp: buffer.u64(0x50),
    record: 0n,
    returnValue: value,
    context: 0n,
    arrive: () => resume64(process, buffer, value),
  });
}

function resume64({ engine }: Win32Process, buffer: Struct, value: bigint): never {
  for (const [name, at] of GENERAL_64) engine.writeRegister(name, buffer.u64(at));
  engine.writeRegister('mxcsr', BigInt(buffer.u32(MXCSR_64)) & 0xffffn);
  for (let index = 6; index < 16; index++) {
    const at = XMM6_64 + (index - 6) * 16;
    engine.writeRegister(`xmm${index}`, buffer.u64(at) | (buffer.u64(at + 8) << 64n));
  }
  engine.writeRegister('rax', value);
  throw new Resumed(buffer.u64(0x10));
}

function resume32(process: Win32Process, buffer: Struct, value: bigint): never {
  const { engine } = process;
  for (const [name, at] of GENERAL_32) engine.writeRegister(name, BigInt(buffer.u32(at)));
  const sp: Addr = BigInt(buffer.u32(ESP_32)) + 4n;
  process.sp = sp;
  process.pc = BigInt(buffer.u32(EIP_32));
  engine.writeRegister('eax', value);
  throw new Resumed(sp);
}

const save = (call: ApiCall): bigint => (call.process.wide ? save64(call) : save32(call));

export const jumpsApi: ApiSet = {
  _setjmp: cdecl('ptr buffer, ptr frame', save),
  _setjmpex: cdecl('ptr buffer, ptr frame', save),
  _setjmp3: cdecl('ptr buffer, dword count', save32),
  longjmp: cdecl('ptr buffer, int value', jump),
};
