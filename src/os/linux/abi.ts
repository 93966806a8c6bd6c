/** The two system-call ABIs: what a structure of the C interface looks like depends on nothing else. */
import type { Arch } from '../../base/address.js';

export interface Abi {
  readonly arch: Arch;
  /** Bytes of a long and a pointer. */
  readonly word: 4 | 8;
  /** AUDIT_ARCH_*, as seccomp and audit records name it. */
  readonly auditArch: number;
}

export const ABI_X86_64: Abi = { arch: 'x86-64', word: 8, auditArch: 0xc000003e };
export const ABI_I386: Abi = { arch: 'i386', word: 4, auditArch: 0x40000003 };

export function abiOf(arch: Arch): Abi {
  return arch === 'x86-64' ? ABI_X86_64 : ABI_I386;
}
