# Tests without a test runner: mayexec test test/examples/checksum.s
;@ title A checksum and a copy, called and checked
;@ policy nx
;@ policy hard: mdwe
;@ buffer empty = 0
;@ buffer source = "abc"
;@ buffer target = 3

# u32 checksum(const u8 *bytes, u64 count)
checksum:
    xor eax, eax
    test rsi, rsi
    jz 2f
1:  rol eax, 5
    movzx ecx, byte ptr [rdi]
    add eax, ecx
    inc rdi
    dec rsi
    jnz 1b
2:  ret
;@ call checksum(@empty, 0) = 0
;@ call checksum("abc", 3) = u32 0x190a3
;@ call checksum(@source, 3) follows
;@ call checksum(@source, 3) within 22 instructions
;@ call checksum(@source, 3) touches only @source
;@ call checksum(@source, 4) faults read SEGV_MAPERR

# void copy(u8 *target, const u8 *source, u64 count)
copy:
    mov rcx, rdx
    rep movsb
    ret
;@ call copy(@target, @source, 3) leaves @target = "abc"
;@ call copy(@target, @source, 3) leaves rcx = 0
;@ call copy(@target, @source, 3) preserves callee-saved, direction-flag
;@ call copy(@target+1, @source, 3) faults write

# A page that is made executable after it was written: fine under nx, refused under mdwe.
publish:
    mov eax, SYS_mprotect
    lea rdi, [rip+publish]
    and rdi, -4096
    mov esi, 4096
    mov edx, PROT_READ|PROT_WRITE|PROT_EXEC
    syscall
    ret
;@ nx: call publish() = 0
;@ hard: call publish() denied by mdwe/write-exec

half:
    mulsd xmm0, [rip+factor]
    ret
    .balign 8
factor:
    .double 0.5
;@ call half(3.0) = f64 1.5
;@ call half(f64 nan) = f64 nan
