/**
 * Shapes that break what reads text or bytes: deep, long, many, unfinished, misleading. One list for every parser; a
 * parser that is new is fed it too (feed-parsers.mjs).
 */

const N = 20_000;

/** Names that every object has. */
export const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

/** Of one line each, to stand alone or within something. */
export const LINES = {
  'open parentheses': '('.repeat(N),
  'nested parentheses': `${'('.repeat(N)}1${')'.repeat(N)}`,
  'open brackets': '['.repeat(N),
  'open braces': '{'.repeat(N),
  minus: `${'-'.repeat(N)}1`,
  'a long sum': `${'1+'.repeat(N)}1`,
  'a long name': 'n'.repeat(30_000),
  'many words': 'a '.repeat(N),
  'a long number': '9'.repeat(30_000),
  'a long hexadecimal number': `0x${'f'.repeat(30_000)}`,
  'a large number': '9'.repeat(400),
  'blanks between': `a${' '.repeat(30_000)}b`,
  'many runs of blanks': `a${'   b'.repeat(7_000)}`,
  'a string without end': `"${'a'.repeat(30_000)}`,
  'many quotes': '"'.repeat(N + 1),
  'many escapes': `"${'\\'.repeat(N)}`,
  'escapes and quotes': '\\"'.repeat(N),
  'many commas': ','.repeat(N),
  'many items': 'a,'.repeat(N),
  'many pluses': '+'.repeat(N),
  'many parts': 'nx+'.repeat(N),
  'many colons': ':'.repeat(N),
  'many options': `nx:${'a=b,'.repeat(N)}`,
  'many equal signs': '='.repeat(N),
  'many bars': '|'.repeat(N),
  'many escaped bars': `|${'\\|'.repeat(N)}|`,
  'many backticks': '`'.repeat(N),
  'many tildes': '~'.repeat(N),
  'many dashes': '-'.repeat(N),
  'many hashes': '#'.repeat(N),
  'many percent signs': '%'.repeat(N),
  'many dots': '.'.repeat(N),
  'many comments': '/*'.repeat(N),
  'many ends of comments': '*/'.repeat(N),
  'many directives': ';@ '.repeat(N),
  'a rule': `mmap = EACCES${' by'.repeat(N)} x`,
  'a call': `call f(${'1,'.repeat(N)}) = 1`,
  'labels on a line': 'a1: '.repeat(N),
  'a repeated letter in a pattern': `${'a'.repeat(N)}!`,
  'zero bytes': '\0'.repeat(N),
  'terminal sequences': '\x1b[31m\x1b]0;x\x07'.repeat(1000),
  'directions of writing': '\u202e\u2066'.repeat(N / 2),
  'line separators': '\u2028\u2029\u0085'.repeat(N / 2),
  'halves of characters': '\ud800'.repeat(N),
  'a byte-order mark': '\ufeff'.repeat(N),
  'letters that grow in lower case': '\u0130'.repeat(N),
  'an injection': 'mmap:error=ENOMEM+'.repeat(2_000),
  'an injection that counts': `mmap:error=ENOMEM:when=${'9'.repeat(400)}`,
  'an injected limit': `rlimit-as=${'9'.repeat(30_000)}G`,
  'blocks without end': 'blocks: 4503599627370496',
  'a device': '.include "/dev/zero"',
  ...Object.fromEntries(INHERITED.map((name) => [`the name ${name}`, name])),
  ...Object.fromEntries(INHERITED.map((name) => [`${name} with a value`, `${name}=1`])),
  ...Object.fromEntries(INHERITED.map((name) => [`${name} with an option`, `nx:${name}=1`])),
};

const lines = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join('\n');

/** Of many lines. */
export const TEXTS = {
  nothing: '',
  'empty lines': '\n'.repeat(500_000),
  'carriage returns': '\r'.repeat(500_000),
  'many lines': lines(50_000, (index) => `line ${index}`),
  'one long line': 'x'.repeat(2_000_000),
  'repetition in repetition': '.rept 1000000\n.rept 1000000\n.endr\n.endr\n',
  'open repetitions': '.rept 2\n'.repeat(N),
  'open conditions': '.if 1\n'.repeat(N),
  'open macros': '.macro m\n'.repeat(N),
  'a macro that uses itself': '.macro m\nm\nm\n.endm\nm\n',
  'an argument that doubles': `.macro m a\nm \\a\\a\n.endm\nm ${'x'.repeat(1000)}\n`,
  'values that double': `${lines(60, (i) => `x${i + 1} = x${i} + x${i}`)}\nmov rax, x60\nx0 = 1\n`,
  'values that need each other': 'a = b\nb = a\nmov rax, a\n',
  'many mistakes': lines(N, (index) => `mov eax, unknown${index}`),
  'many sections': lines(N, (index) => `.section .s${index},"a"\n.byte 1`),
  'much room': '.zero 0x3ffffff\n'.repeat(50),
  'much alignment': '.byte 1\n.balign 1048576\n'.repeat(200),
  'open fences': '```asm\n'.repeat(N),
  'a fence of many ticks': `${'`'.repeat(N)}asm\n`,
  'many programs': lines(2_000, (index) => `\`\`\`asm p${index}\n_start: ret ;@ exited 0\n\`\`\``),
  'many policies': `---\ntitle: x\npolicies:\n${lines(5_000, (i) => `  p${i}: nx`)}\n---\n\`\`\`asm\n_start: ret\n\`\`\`\n`,
  'many tables': '| policy | outcome | why |\n| --- | --- | --- |\n'.repeat(5_000),
  'front matter without end': `---\n${lines(N, (index) => `key${index}: value`)}`,
  'the same key often': `---\n${'title: x\n'.repeat(5_000)}---\n`,
  'dashes only': '---\n'.repeat(N),
  'many headers of a probe': 'mayexec-probe 1 x86-64 Linux 6.18.0 x86_64\n'.repeat(N),
  'unknown experiments': `mayexec-probe 1 x86-64 Linux 6.18.0 x86_64\n${lines(N, (i) => `e${i} ok`)}\n`,
  'no results': `mayexec-probe 1 x86-64 Linux 6.18.0 x86_64\n${'?\n'.repeat(N)}`,
  'calls by the thousand': `f: ret\n${';@ call f() = 0\n'.repeat(4_000)}`,
  'headings by the thousand': ';@ policy nx\n'.repeat(4_000),
};

const bytes = (length, fill = 0) => new Uint8Array(length).fill(fill);

function withBytes(length, ...parts) {
  const file = bytes(length);
  for (const [at, ...values] of parts) file.set(values, at);
  return file;
}

const ELF64 = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];
const REL_X86_64 = [16, 1, 0, 62, 0];
const EXEC_X86_64 = [16, 2, 0, 62, 0];
const word = (value) =>
  Array.from({ length: 8 }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));

/** Headers of sections that all lie upon each other, in a relocatable file. */
function sectionsUponEachOther(count, type, length) {
  const file = bytes(64 + count * 64 + length);
  file.set(
    withBytes(
      64,
      [0, ...ELF64],
      REL_X86_64,
      [40, ...word(64)],
      [58, 64, 0, count & 255, count >> 8],
    ),
  );
  const view = new DataView(file.buffer);
  for (let index = 0; index < count; index++) {
    const at = 64 + index * 64;
    view.setUint32(at + 4, index % 2 === 0 ? 1 : type, true);
    view.setBigUint64(at + 8, 6n, true);
    view.setBigUint64(at + 24, BigInt(64 + count * 64), true);
    view.setBigUint64(at + 32, BigInt(length), true);
    view.setUint32(at + 44, index - 1, true);
  }
  return file;
}

/** A symbol table whose names all are the one long string. */
function oneLongName(length) {
  const file = bytes(64 + 192 + length, 0x61);
  file.set(withBytes(64, [0, ...ELF64], REL_X86_64, [40, ...word(64)], [58, 64, 0, 3, 0, 2, 0]));
  file.fill(0, 64, 256);
  const view = new DataView(file.buffer);
  const section = (index, type, offset, size, link) => {
    view.setUint32(64 + index * 64 + 4, type, true);
    view.setBigUint64(64 + index * 64 + 24, BigInt(offset), true);
    view.setBigUint64(64 + index * 64 + 32, BigInt(size), true);
    view.setUint32(64 + index * 64 + 40, link, true);
  };
  section(1, 2, 256, length, 2);
  section(2, 3, 256, length, 0);
  file.fill(0, 256, 256 + length / 2);
  file[file.length - 1] = 0;
  return file;
}

/** Sections of a COFF object whose relocations all are the same table. */
function coffTables(sections, relocations) {
  const end = 20 + sections * 40;
  const file = bytes(end + relocations * 10);
  const view = new DataView(file.buffer);
  view.setUint16(0, 0x8664, true);
  view.setUint16(2, sections, true);
  view.setUint32(8, end, true);
  for (let index = 0; index < sections; index++) {
    const at = 20 + index * 40;
    view.setUint32(at + 24, end, true);
    view.setUint16(at + 32, relocations, true);
  }
  return file;
}

/** Files: of objects, of programs, of nothing. */
export const FILES = {
  'no bytes': bytes(0),
  zeros: bytes(100_000),
  ones: bytes(100_000, 255),
  'an ELF magic number': Uint8Array.from(ELF64),
  'an ELF header of ones': Uint8Array.from([...ELF64, ...bytes(200, 255)]),
  'an object of ones': withBytes(4096, [0, ...ELF64], REL_X86_64, [32, ...bytes(32, 255)]),
  'a program of ones': withBytes(4096, [0, ...ELF64], EXEC_X86_64, [24, ...bytes(40, 255)]),
  'a program of many headers': withBytes(
    70_000,
    [0, ...ELF64],
    EXEC_X86_64,
    [32, ...word(64)],
    [54, 56, 0, 0, 4],
  ),
  'sections upon each other': sectionsUponEachOther(20_000, 1, 400_000),
  'relocations upon each other': sectionsUponEachOther(10_000, 4, 480_000),
  'names that are one': oneLongName(2_400_000),
  'a PE magic number': Uint8Array.of(0x4d, 0x5a),
  'a PE header of ones': withBytes(
    4096,
    [0, 0x4d, 0x5a],
    [60, 128, 0, 0, 0],
    [128, 0x50, 0x45, 0, 0, 0x64, 0x86, ...bytes(400, 255)],
  ),
  'an archive of ones': Uint8Array.from([
    ...new TextEncoder().encode('!<arch>\n'),
    ...bytes(200, 255),
  ]),
  'a COFF magic number': Uint8Array.of(0x64, 0x86),
  'a COFF header of ones': Uint8Array.from([0x64, 0x86, ...bytes(100, 255)]),
  'COFF relocations upon each other': coffTables(10_000, 50_000),
  'a COFF object of many symbols': withBytes(
    200,
    [0, 0x64, 0x86, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 255, 255, 255, 127],
  ),
};
