/**
 * The assembly of the probe for Windows and Wine: what stands around the experiments. `%ax` stands for rax or eax.
 * Nothing is kept in registers between steps, so that an exception in code that is tried goes on in `raised`.
 */
import type { Arch } from '../../base/address.js';

/** What code that works returns. */
export const ANSWER = 42;

/** Where CONTEXT has the next instruction and the stack pointer, and EXCEPTION_RECORD its parameters. */
const FIELDS = {
  'x86-64': { CONTEXT_IP: 0xf8, CONTEXT_SP: 0x98, INFORMATION: 0x20, CONTEXT: 8 },
  i386: { CONTEXT_IP: 0xb8, CONTEXT_SP: 0xc4, INFORMATION: 0x14, CONTEXT: 4 },
} as const;

export const sourceConstants = (arch: Arch): Record<string, number> => FIELDS[arch];

/** put: rsi and edi are text and length. Called with the stack as a call leaves it. */
const PUT = {
  'x86-64': `
put:
    sub rsp, 0x38
    mov rcx, [output]
    mov rdx, rsi
    mov r8d, edi
    mov r9, offset written
    mov qword ptr [rsp + 0x20], 0
    call [WriteFile]
    add rsp, 0x38
    ret`,
  i386: `
put:
    push 0
    push offset written
    push edi
    push esi
    push [output]
    call [WriteFile]
    ret
; Where a thunk jumps: what it put above the return address.
thunk_target:
    mov eax, [esp + 4]
    ret`,
} as const;

/** EXCEPTION_POINTERS: the record, then the context. Only what is tried is caught. */
const HANDLER = {
  'x86-64': `
handler:`,
  i386: `
handler:
    mov ecx, [esp + 4]`,
} as const;

const RETURN = { 'x86-64': 'ret', i386: 'ret 4' } as const;

const ROUTINES = `
put_number:
    mov %si, offset digits_end
    mov ebx, 10
next_digit:
    xor edx, edx
    div ebx
    add dl, 0x30
    dec %si
    mov [%si], dl
    test eax, eax
    jnz next_digit
    mov %di, offset digits_end
    sub %di, %si
    jmp put
put_hex:
    mov %si, offset digits_end
    mov ecx, 8
next_nibble:
    mov edx, eax
    and edx, 15
    mov %bx, offset nibbles
    mov dl, [%bx + %dx]
    dec %si
    mov [%si], dl
    shr eax, 4
    dec ecx
    jnz next_nibble
    mov edi, 8
    jmp put
put_step:
    mov %si, [step]
    mov edi, [step_length]
    jmp put

; An experiment's end: eax is the error, or the value. The line break is in the last piece.
failed:
    mov [result], eax
    call put_step
    mov eax, [result]
    call put_number
    jmp line_end
failed_no:
    call put_step
    mov %si, offset text_no
    mov edi, 3
    call put
    jmp [continue]
missing:
    call put_step
    mov %si, offset text_missing
    mov edi, 8
    call put
    jmp [continue]
passed_value:
    mov [result], eax
    mov %si, offset text_ok
    mov edi, 3
    call put
    mov eax, [result]
    call put_number
line_end:
    mov %si, offset text_end
    mov edi, 1
    call put
    jmp [continue]
passed:
    mov %si, offset text_passed
    mov edi, 3
    call put
    jmp [continue]
raised:
    call put_step
    mov eax, [exception]
    call put_hex
    cmp dword ptr [exception], 0xc0000005
    jne line_end
    mov %si, offset text_ok + 2
    mov edi, 1
    call put
    mov eax, [information]
    call put_number
    jmp line_end
`;

const CATCH = `
    xor eax, eax
    cmp dword ptr [armed], eax
    je not_ours
    mov dword ptr [armed], eax
    mov %dx, [%cx]
    mov eax, [%dx]
    mov [exception], eax
    mov eax, [%dx + INFORMATION]
    mov [information], eax
    mov %dx, [%cx + CONTEXT]
    mov %ax, offset raised
    mov [%dx + CONTEXT_IP], %ax
    mov %ax, [stack_pointer]
    mov [%dx + CONTEXT_SP], %ax
    mov eax, -1
not_ours:
`;

const DATA = `
text_no: .ascii "no\\n"
text_missing: .ascii "missing\\n"
text_ok: .ascii "ok "
text_passed: .ascii "ok\\n"
text_end: .ascii "\\n"
nibbles: .ascii "0123456789ABCDEF"
digits: .skip 16
digits_end:
    .balign 8
written: .skip 8
stack_pointer: .skip 8
continue: .skip 8
step: .skip 8
step_length: .skip 8
armed: .skip 8
exception: .skip 8
information: .skip 8
result: .skip 8
`;

/** `body` is the code from `_start` on; `data` what it refers to. */
export function probeSource(arch: Arch, body: string, data: string): string {
  const registers = arch === 'x86-64' ? 'r' : 'e';
  const word = arch === 'x86-64' ? 'qword' : 'dword';
  const text = `${ROUTINES}${PUT[arch]}${HANDLER[arch]}${CATCH}    ${RETURN[arch]}
    .balign 4096
patched: .skip 4096, 0xcc
    .data
${DATA}${data}
    .balign 4096
data_page: .skip 4096`;
  return `${body}${text}`.replaceAll('%word', word).replaceAll(/%(?=[a-z])/g, registers);
}
