/** Common mnemonics in both syntaxes: for guesses at what an unknown one was meant to be. */
export const MNEMONICS: readonly string[] = (
  'aaa aad aam aas adc add and bound bsf bsr bswap bt btc btr bts call cbw cdq cdqe clc cld cli ' +
  'clflush cltq cmc cmova cmovae cmovb cmovbe cmove cmovg cmovge cmovl cmovle cmovne cmovs cmp ' +
  'cmpsb cmpsd cmpsq cmpsw cmpxchg cmpxchg16b cmpxchg8b cpuid cqo cqto cwd cwde daa das dec div ' +
  'emms endbr32 endbr64 enter fadd faddp fdiv fild fist fistp fld fld1 fldcw fldz fmul fnstcw ' +
  'fstp fsub fxch hlt idiv imul in inc insb int int1 int3 into iret iretd iretq ja jae jb jbe ' +
  'jc jcxz je jecxz jg jge jl jle jmp jnc jne jno jns jnz jo jp jrcxz js jz lahf lds lea leave ' +
  'les lfence lock lodsb lodsd lodsq loop loope loopne mfence mov movabs movaps movd movdqa ' +
  'movdqu movq movsb movsd movsq movss movsx movsxd movups movzx mul neg nop not or out outsb ' +
  'pause pop popa popad popf popfd popfq popcnt push pusha pushad pushf pushfd pushfq pxor rcl ' +
  'rcr rdfsbase rdgsbase rdpkru rdrand rdseed rdtsc rdtscp rep repe repne ret retf rol ror sahf ' +
  'sal sar sbb scasb scasd scasq sete setne sfence shl shld shr shrd stc std sti stosb stosd ' +
  'stosq sub swapgs syscall sysenter sysexit sysret test tzcnt ud2 verr verw wrfsbase wrgsbase ' +
  'wrpkru xadd xbegin xchg xend xgetbv xlatb xor'
).split(' ');
