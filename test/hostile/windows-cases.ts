/** Programs for Windows whose calls of the C library ask for work that grows faster than what they are given. */
import type { HostileCase } from './cases.js';

/** Calls what `imports` names for ever. */
function library(
  name: string,
  imports: string,
  calls: string,
  data: string,
  before = '',
): HostileCase {
  const source = `
    .import msvcrt.dll, ${imports}
    .import kernel32.dll, CreateEventA, FindFirstFileA, LoadLibraryA
    .globl _start
_start:
    sub rsp, 0x68
    mov ebx, 1000
${before}
again:
${calls}
    jmp again
    .data
${data}
    .bss
room: .skip 0x100000`;
  return { name, source, ends: 'limit blocks', blocks: 3_000_000 };
}

/** An argument is a number or a label. */
function call(name: string, ...args: readonly (number | string)[]): string {
  const moves = args.map((arg, index) => {
    const register = ['rcx', 'rdx', 'r8', 'r9'][index];
    return typeof arg === 'number' ? `mov ${register}, ${arg}` : `lea ${register}, [rip + ${arg}]`;
  });
  return [...moves, `call [${name}]`].join('\n');
}

/** A text: `piece` so many times, then `last`. */
function text(label: string, times: number, piece: string, last = ''): string {
  return `${label}:\n .rept ${times}\n .ascii "${piece}"\n .endr\n .asciz "${last}"`;
}

function wide(label: string, times: number, units: readonly number[]): string {
  return `${label}:\n .rept ${times}\n .word ${units.join(', ')}\n .endr\n .word 0`;
}

const LETTERS = text('letters', 65_000, 'a');
const DIGITS = text('digits', 65_000, '1');
const OTHERS = text('others', 65_000, 'b');
/** Words that a va_list gives: the same one, a pointer to a long text. */
const POINTERS = 'pointers:\n .rept 33000\n .quad letters\n .endr';
const ONES = 'ones:\n .rept 33000\n .quad 1\n .endr';
const print = (format: string, args: string): string => call('_vsnprintf', 'room', 9, format, args);
/** `%*1[\1-\uffff]`: a set of 65,535 characters, which takes one. */
const WIDE_SET = [0x25, 0x2a, 0x31, 0x5b, 1, 0x2d, 0xffff, 0x5d];

/** Another name at `room`: 'd' and ebx, which counts down. */
const NEXT_NAME = `dec ebx\n mov r8d, ebx\n ${call('sprintf', 'room', 'format')}`;
const NAME_FORMAT = 'format: .asciz "d%d"';

export const HOSTILE_WINDOWS: readonly HostileCase[] = [
  library(
    'Windows: a text is looked for that is nearly everywhere',
    'strstr',
    call('strstr', 'letters', 'part'),
    `${LETTERS}\n${text('part', 16_000, 'a', 'b')}\n${text('rest', 16_000, 'a')}`.replace(
      '.asciz "b"\nrest:',
      '.ascii "b"',
    ),
  ),
  library(
    'Windows: letters that none of a set of 65,000 is',
    'strspn, strcspn, strpbrk',
    [
      call('strcspn', 'letters', 'others'),
      call('strpbrk', 'letters', 'others'),
      call('strspn', 'letters', 'others'),
    ].join('\n'),
    `${LETTERS}\n${OTHERS}`,
  ),
  library(
    'Windows: letters in the other case, and backwards',
    '_strlwr, _strupr, _strrev, _stricmp',
    ['_strlwr', '_strupr', '_strrev'].map((name) => call(name, 'letters')).join('\n') +
      `\n${call('_stricmp', 'letters', 'others')}`,
    `${LETTERS}\n${LETTERS.replace('letters', 'others')}`,
  ),
  library(
    'Windows: numbers of 65,000 digits',
    'strtol, sscanf',
    [call('strtol', 'digits', 0, 36), call('sscanf', 'digits', 'format', 'room', 'room')].join(
      '\n',
    ),
    `${DIGITS}\nformat: .asciz "%d%f"`,
  ),
  library(
    'Windows: scanf with thousands of sets of all characters',
    'swscanf',
    call('swscanf', 'text', 'sets'),
    `${wide('text', 32_000, [0x61])}\n${wide('sets', 4000, WIDE_SET)}`,
  ),
  library(
    'Windows: scanf with sets that have no end',
    'sscanf',
    call('sscanf', 'percents', 'sets'),
    `${text('percents', 32_000, '%[')}\n${text('sets', 32_000, '%[')}`,
  ),
  library(
    'Windows: printf of 32,000 texts of 65,000 characters',
    '_vsnprintf',
    print('format', 'pointers'),
    `${LETTERS}\n${text('format', 32_000, '%s')}\n${POINTERS}`,
  ),
  library(
    'Windows: printf with widths of 65,535',
    '_vsnprintf',
    print('format', 'ones'),
    `${text('format', 9000, '%65535d')}\n${ONES}`,
  ),
  library(
    'Windows: printf with flags without end',
    '_vsnprintf',
    print('format', 'ones'),
    `${text('format', 1, '%')}\n${text('flags', 64_000, '0')}\n${ONES}`.replace(
      '.asciz ""\nflags:',
      '',
    ),
  ),
  library(
    'Windows: strftime with 32,000 dates',
    'strftime',
    call('strftime', 'room', 0x100000, 'format', 'ones'),
    `${text('format', 32_000, '%c')}\n${ONES}`,
  ),
  library(
    'Windows: 65,000 characters printed at once',
    'printf',
    call('printf', 'format', 1),
    'format: .asciz "%65000d"',
  ),
  library(
    'Windows: searches of a folder of a thousand, never closed',
    'sprintf, _mkdir',
    call('FindFirstFileA', 'pattern', 'room'),
    `${NAME_FORMAT}\npattern: .asciz "*"`,
    `1: ${NEXT_NAME}\n ${call('_mkdir', 'room')}\n test ebx, ebx\n jnz 1b`,
  ),
  library(
    'Windows: a thousand names and a pattern that is nearly theirs',
    'sprintf, _mkdir',
    call('FindFirstFileA', 'pattern', 'room'),
    `${text('format', 100, 'a', 'd%d')}\n${text('pattern', 50, '*a', 'b')}`,
    `1: ${NEXT_NAME}\n ${call('_mkdir', 'room')}\n test ebx, ebx\n jnz 1b`,
  ),
  library(
    'Windows: events with names, without end',
    'sprintf',
    `${NEXT_NAME}\n${call('CreateEventA', 0, 0, 0, 'room')}`,
    NAME_FORMAT,
  ),
  library(
    'Windows: a library whose name has 65,000 letters',
    'sprintf',
    call('LoadLibraryA', 'letters'),
    LETTERS,
  ),
  library(
    'Windows: bsearch in an array larger than all memory',
    'bsearch',
    `lea rax, [rip + compare]
    mov [rsp + 0x20], rax
    ${call('bsearch', 'room', 1, -1, 8)}`,
    '.text\ncompare: mov eax, 1\n ret',
  ),
  {
    ...library(
      'Windows: a gigabyte cleared that is not there',
      'memset',
      call('memset', 16, 1, 2 ** 30),
      '',
    ),
    ends: 'exception ',
  },
  {
    ...library(
      'Windows: blocks of cleared memory, without end',
      'calloc',
      `${call('calloc', 1, 0x10000)}
    test rax, rax
    jnz again
    mov [rip + room], eax`,
      '',
    ),
    blocks: 200_000_000,
    ends: 'limit memory',
  },
];
