/**
 * ATL thunks: five short sequences that old libraries wrote into memory without execute rights. They are recognised at
 * the fault, carried out, and the program goes on. The five were tried one by one under Wine 8.0.
 */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { Win32Process } from '../process/process.js';

const LONGEST = 16;

function matches(code: Struct, at: number, ...bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => code.u8(at + index) === byte);
}

/** False: it is none of them. */
export function emulateAtlThunk(process: Win32Process, pc: Addr): boolean {
  const { engine, memory } = process;
  const bytes = memory.tryRead(pc, LONGEST);
  if (bytes === undefined) return false;
  const code = new Struct(bytes);
  const imm = (at: number): bigint => BigInt(code.u32(at));
  const relative = (at: number): Addr => (pc + BigInt(at + 4 + code.i32(at))) & 0xffff_ffffn;
  const go = (target: Addr, registers: Readonly<Record<string, bigint>>): true => {
    for (const [name, value] of Object.entries(registers)) engine.writeRegister(name, value);
    process.pc = target;
    return true;
  };
  // mov dword [esp+4], imm32; jmp rel32
  if (matches(code, 0, 0xc7, 0x44, 0x24, 0x04) && matches(code, 8, 0xe9)) {
    if (!memory.tryWrite(process.sp + 4n, bytes.subarray(4, 8))) return false;
    return go(relative(9), {});
  }
  // mov ecx, imm32; jmp rel32
  if (matches(code, 0, 0xb9) && matches(code, 5, 0xe9)) return go(relative(6), { ecx: imm(1) });
  // mov edx, imm32; mov ecx, imm32; jmp ecx
  if (matches(code, 0, 0xba) && matches(code, 5, 0xb9) && matches(code, 10, 0xff, 0xe1)) {
    return go(imm(6), { edx: imm(1), ecx: imm(6) });
  }
  // mov ecx, imm32; mov eax, imm32; jmp eax
  if (matches(code, 0, 0xb9) && matches(code, 5, 0xb8) && matches(code, 10, 0xff, 0xe0)) {
    return go(imm(6), { ecx: imm(1), eax: imm(6) });
  }
  // pop ecx; pop eax; push ecx; jmp [eax+4]
  if (matches(code, 0, 0x59, 0x58, 0x51, 0xff, 0x60, 0x04)) return popThunk(process);
  return false;
}

function popThunk(process: Win32Process): boolean {
  const { engine, memory, sp } = process;
  const stack = memory.tryRead(sp, 8);
  if (stack === undefined) return false;
  const words = new Struct(stack);
  const [ecx, eax] = [words.u32(0), words.u32(4)];
  const target = memory.tryRead(BigInt(eax) + 4n, 4);
  if (target === undefined || !memory.tryWrite(sp + 4n, new Struct(4).setU32(0, ecx).bytes)) {
    return false;
  }
  process.sp = sp + 4n;
  engine.writeRegister('ecx', BigInt(ecx));
  engine.writeRegister('eax', BigInt(eax));
  process.pc = BigInt(new Struct(target).u32(0));
  return true;
}
