/** The bytes of a case and of its record: where what stands. The runner's assembly has the same names. */
import type { Arch } from '../base/address.js';

export interface CaseLayout {
  readonly word: 4 | 8;
  /** In the order in which both blocks hold them. */
  readonly registers: readonly string[];
  readonly stackPointer: string;
  readonly vectors: number;
  readonly constants: Readonly<
    Record<
      | 'IN_FLAGS'
      | 'IN_FX'
      | 'IN_BUFFERS'
      | 'OUT_SIGNAL'
      | 'OUT_CODE'
      | 'OUT_ADDRESS'
      | 'OUT_PC'
      | 'OUT_REGISTERS'
      | 'OUT_SP'
      | 'OUT_FLAGS'
      | 'OUT_FX'
      | 'OUT_BUFFERS',
      number
    >
  >;
}

/** First word of a record. Death: the child was killed and said nothing; its wait status is OUT_SIGNAL. */
export const ENDED_BY_RETURN = 1;
export const ENDED_BY_SIGNAL = 2;
export const ENDED_BY_DEATH = 3;

/** FXSAVE's image. */
export const FX_LENGTH = 512;

export const CASE_LAYOUTS: Readonly<Record<Arch, CaseLayout>> = {
  'x86-64': {
    word: 8,
    registers: [
      ...['rax', 'rcx', 'rdx', 'rbx', 'rbp', 'rsi', 'rdi'],
      ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
    ],
    stackPointer: 'rsp',
    vectors: 16,
    constants: {
      IN_FLAGS: 120,
      IN_FX: 128,
      IN_BUFFERS: 640,
      OUT_SIGNAL: 8,
      OUT_CODE: 16,
      OUT_ADDRESS: 24,
      OUT_PC: 32,
      OUT_REGISTERS: 40,
      OUT_SP: 160,
      OUT_FLAGS: 168,
      OUT_FX: 192,
      OUT_BUFFERS: 704,
    },
  },
  i386: {
    word: 4,
    registers: ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi'],
    stackPointer: 'esp',
    vectors: 8,
    constants: {
      IN_FLAGS: 28,
      IN_FX: 32,
      IN_BUFFERS: 544,
      OUT_SIGNAL: 4,
      OUT_CODE: 8,
      OUT_ADDRESS: 12,
      OUT_PC: 16,
      OUT_REGISTERS: 20,
      OUT_SP: 48,
      OUT_FLAGS: 52,
      OUT_FX: 64,
      OUT_BUFFERS: 576,
    },
  },
};
