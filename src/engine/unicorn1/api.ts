/** The numbers of Unicorn's C API (unicorn.h, x86.h of 1.0.3) that the adapter uses. */

export const UC_ARCH_X86 = 4;
export const UC_MODE_32 = 4;
export const UC_MODE_64 = 8;

export const UC_PROT_ALL = 7;

export const UC_ERR_OK = 0;
export const UC_ERR_INSN_INVALID = 10;
export const UC_ERR_EXCEPTION = 21;

export const UC_HOOK_INSN = 1 << 1;
export const UC_HOOK_CODE = 1 << 2;
export const UC_HOOK_MEM_READ = 1 << 10;
export const UC_HOOK_MEM_WRITE = 1 << 11;
export const UC_HOOK_MEM_UNMAPPED = (1 << 4) | (1 << 5) | (1 << 6);

/** The `type` that a memory hook is called with for a store (uc_mem_type). */
export const UC_MEM_WRITE = 17;

export const UC_X86_INS_SYSCALL = 699;
export const UC_X86_INS_SYSENTER = 700;

export const UC_X86_REG_EFLAGS = 25;
export const UC_X86_REG_FPCW = 246;
export const UC_X86_REG_MXCSR = 249;

/** CPU exception vectors. */
export const VECTOR_DB = 1;
export const VECTOR_UD = 6;
export const VECTOR_SS = 12;
export const VECTOR_GP = 13;
export const VECTOR_PF = 14;
