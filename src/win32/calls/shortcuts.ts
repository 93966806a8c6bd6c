/**
 * Functions that programs call for every character they print: they run in the guest, and leave it only when there is
 * something for the host to do. The code follows what the real ones do: a stream's buffer is its own memory, and the
 * last error lies in the TEB.
 */
import type { Arch } from '../../base/address.js';

export interface ShortcutPlace {
  /** RVA of the code. */
  readonly at: number;
  /** RVAs of the DLL's data. */
  readonly data: ReadonlyMap<string, number>;
}

type Shortcut = (place: ShortcutPlace) => readonly number[];

/** Both architectures: fields of FILE are _ptr and _cnt. What does not return falls through to the gate. */
const CODE: Readonly<Record<Arch, Readonly<Record<string, Shortcut>>>> = {
  'x86-64': {
    // dec dword [rdx+8]; js slow; mov rax,[rdx]; mov [rax],cl; inc rax; mov [rdx],rax; movzx eax,cl; ret; slow:
    fputc: () => [
      ...[0xff, 0x4a, 0x08, 0x78, 0x0f, 0x48, 0x8b, 0x02, 0x88, 0x08],
      ...[0x48, 0xff, 0xc0, 0x48, 0x89, 0x02, 0x0f, 0xb6, 0xc1, 0xc3],
    ],
    // lea rax, [rip+offset]; ret
    __iob_func: ({ at, data }) => [
      ...[0x48, 0x8d, 0x05],
      ...word((data.get('_iob') ?? 0) - (at + 7)),
      0xc3,
    ],
    // xor eax,eax; next: cmp byte [rcx+rax],0; je end; inc rax; jmp next; end: ret
    strlen: () => [
      0x31, 0xc0, 0x80, 0x3c, 0x01, 0x00, 0x74, 0x05, 0x48, 0xff, 0xc0, 0xeb, 0xf5, 0xc3,
    ],
    // mov eax, gs:[0x68]; ret
    GetLastError: () => [0x65, 0x8b, 0x04, 0x25, 0x68, 0, 0, 0, 0xc3],
    // mov gs:[0x68], ecx; ret
    SetLastError: () => [0x65, 0x89, 0x0c, 0x25, 0x68, 0, 0, 0, 0xc3],
    _lock: () => [0xc3],
    _unlock: () => [0xc3],
  },
  i386: {
    // mov edx,[esp+8]; mov eax,[esp+4]; dec dword [edx+4]; js slow; mov ecx,[edx]; mov [ecx],al; inc dword [edx];
    // movzx eax,al; ret; slow:
    fputc: () => [
      ...[0x8b, 0x54, 0x24, 0x08, 0x8b, 0x44, 0x24, 0x04, 0xff, 0x4a, 0x04, 0x78, 0x0a],
      ...[0x8b, 0x0a, 0x88, 0x01, 0xff, 0x02, 0x0f, 0xb6, 0xc0, 0xc3],
    ],
    // mov edx,[esp+4]; xor eax,eax; next: cmp byte [edx+eax],0; je end; inc eax; jmp next; end: ret
    strlen: () => [
      ...[0x8b, 0x54, 0x24, 0x04, 0x31, 0xc0, 0x80, 0x3c, 0x02, 0x00, 0x74, 0x03, 0x40, 0xeb, 0xf7],
      0xc3,
    ],
    // mov eax, fs:[0x34]; ret
    GetLastError: () => [0x64, 0xa1, 0x34, 0, 0, 0, 0xc3],
    // mov eax,[esp+4]; mov fs:[0x34],eax; ret 4
    SetLastError: () => [0x8b, 0x44, 0x24, 0x04, 0x64, 0xa3, 0x34, 0, 0, 0, 0xc2, 0x04, 0x00],
    _lock: () => [0xc3],
    _unlock: () => [0xc3],
  },
};

/** Code of the guest's that comes before the gate; empty: the gate is all. */
export function shortcut(arch: Arch, name: string, place: ShortcutPlace): readonly number[] {
  return CODE[arch][name === 'putc' ? 'fputc' : name]?.(place) ?? [];
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}
