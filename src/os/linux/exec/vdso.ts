/**
 * The kernel's page of code in i386 processes: the ways back from signal handlers without a restorer
 * and from `sysenter`, and a plain system call for AT_SYSINFO. No ELF image, no clocks.
 * Compare arch/x86/entry/vdso/vdso32/system_call.S and sigreturn.S.
 */
import { type Addr, PAGE_SIZE_N } from '../../../base/address.js';

export interface Vdso {
  /** `pop eax; mov eax, __NR_sigreturn; int 0x80` */
  readonly sigreturn: Addr;
  /** `mov eax, __NR_rt_sigreturn; int 0x80` */
  readonly rtSigreturn: Addr;
  /** `int 0x80; ret`, what AT_SYSINFO names. */
  readonly systemCall: Addr;
  /** Behind `sysenter`: `pop ebp; pop edx; pop ecx; ret`. */
  readonly landingPad: Addr;
}

export const NO_VDSO: Vdso = { sigreturn: 0n, rtSigreturn: 0n, systemCall: 0n, landingPad: 0n };

const SIGRETURN = 0x10;
const RT_SIGRETURN = 0x20;
const SYSTEM_CALL = 0x30;
const LANDING_PAD = 0x40;

/** The page's content; the rest are `int3`. */
export function vdsoPage(): Uint8Array {
  const page = new Uint8Array(Number(PAGE_SIZE_N)).fill(0xcc);
  page.set([0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80], SIGRETURN);
  page.set([0xb8, 0xad, 0, 0, 0, 0xcd, 0x80], RT_SIGRETURN);
  page.set([0xcd, 0x80, 0xc3], SYSTEM_CALL);
  page.set([0x5d, 0x5a, 0x59, 0xc3], LANDING_PAD);
  return page;
}

export function vdsoAt(start: Addr): Vdso {
  const at = (offset: number): Addr => start + BigInt(offset);
  return {
    sigreturn: at(SIGRETURN),
    rtSigreturn: at(RT_SIGRETURN),
    systemCall: at(SYSTEM_CALL),
    landingPad: at(LANDING_PAD),
  };
}
