/** Mnemonics of both syntaxes, the common ones first: for guesses at what an unknown one was meant to be. */
export const MNEMONICS: readonly string[] = (
  'mov add sub call jmp ret push pop lea cmp test xor and or inc dec jne je jz jnz syscall ' +
  'int nop imul mul div shl shr movzx movsx neg not ja jae jb jbe jg jge jl jle rep leave ' +
  'int3 hlt aaa aad aam aas adc bound bsf bsr bswap bt btc btr bts cbw cdq cdqe clc cld ' +
  'clflush cli cltq cmc cmova cmovae cmovb cmovbe cmove cmovg cmovge cmovl cmovle cmovne ' +
  'cmovs cmpsb cmpsd cmpsq cmpsw cmpxchg cmpxchg16b cmpxchg8b cpuid cqo cqto cwd cwde daa ' +
  'das emms endbr32 endbr64 enter fadd faddp fdiv fild fist fistp fld fld1 fldcw fldz fmul ' +
  'fnstcw fstp fsub fxch idiv in insb int1 into iret iretd iretq jc jcxz jecxz jnc jno jns ' +
  'jo jp jrcxz js lahf lds les lfence lock lodsb lodsd lodsq loop loope loopne mfence ' +
  'movabs movaps movd movdqa movdqu movq movsb movsd movsq movss movsxd movups out outsb ' +
  'pause popa popad popcnt popf popfd popfq pusha pushad pushf pushfd pushfq pxor rcl rcr ' +
  'rdfsbase rdgsbase rdpkru rdrand rdseed rdtsc rdtscp repe repne retf rol ror sahf sal sar ' +
  'sbb scasb scasd scasq sete setne sfence shld shrd stc std sti stosb stosd stosq swapgs ' +
  'sysenter sysexit sysret tzcnt ud2 verr verw wrfsbase wrgsbase wrpkru xadd xbegin xchg ' +
  'xend xgetbv xlatb'
).split(' ');
