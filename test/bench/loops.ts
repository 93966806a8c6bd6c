/** The guest loops that are measured, each alone and endless but for its counter. */
export const CODE = 0x10000;
export const DATA = 0x20000;
export const STACK = 0x30000;

export interface Loop {
  readonly name: string;
  readonly setup: string;
  readonly body: string;
  /** Of one turn, the two that count and jump included. */
  readonly instructions: number;
  readonly turns: number;
}

export const REGISTERS: Loop = {
  name: 'registers only',
  setup: '',
  body: 'add eax, ecx',
  instructions: 3,
  turns: 1e6,
};

export const LOAD_STORE: Loop = {
  name: 'a load and a store',
  setup: '',
  body: 'mov eax, [rdi]; add eax, ecx; mov [rdi + 8], eax',
  instructions: 5,
  turns: 5e5,
};

export const LOOPS: readonly Loop[] = [
  REGISTERS,
  {
    name: 'registers only, long blocks',
    setup: '',
    body: Array(20).fill('add eax, ecx; xor edx, eax').join(';'),
    instructions: 42,
    turns: 1e5,
  },
  LOAD_STORE,
  {
    name: 'calls and returns',
    setup: 'jmp s; f: inc eax; ret; s:',
    body: 'call f',
    instructions: 5,
    turns: 3e5,
  },
  {
    name: 'SSE',
    setup: '',
    body: 'movups xmm0, [rdi]; paddd xmm0, xmm0; mulps xmm1, xmm0; movups [rdi + 16], xmm0',
    instructions: 6,
    turns: 2e5,
  },
];

/** Millions of instructions per second. */
export function rate(loop: Loop, ms: number): number {
  return (loop.instructions * loop.turns) / ms / 1000;
}
