/** Reports of exceptions that nobody handled: frames by unwind tables, names by COFF symbols, lines by DWARF. */
import { describe, expect, it } from 'vitest';
import { parsePe } from '../../../src/formats/pe/image.js';
import { peSymbols } from '../../../src/formats/pe/symbols.js';
import { type Arch, assemblePe, backtrace, Sandbox, symbolAt } from '../../../src/index.js';
import { buildProgram, lacksMingw } from '../../win32/mingw.js';

const ASM = `
    .import kernel32.dll, ExitProcess
    .globl _start
_start:
    push rbp
    mov rbp, rsp
    sub rsp, 0x20
    call a_function_with_a_long_name
    call [ExitProcess]
a_function_with_a_long_name:
    push rbp
    mov rbp, rsp
    xor eax, eax
    call rax
    ret
`;

describe('a program of our own assembler', () => {
  it('has its labels as symbols, and frames by frame pointers', async () => {
    const { elf, symbols } = await assemblePe(ASM, { arch: 'x86-64' });
    using sandbox = await Sandbox.create({ program: elf });
    const outcome = sandbox.run();
    expect(outcome).toMatchObject({ kind: 'exception', status: 0xc000_0005, parameters: [8n, 0n] });
    expect(
      backtrace(sandbox)
        .map(({ symbol, by }) => `${symbol} ${by}`)
        .slice(0, 3),
    ).toEqual([
      'undefined registers',
      'a_function_with_a_long_name top of stack',
      '_start frame pointer',
    ]);
    const slide = sandbox.symbols.get('_start')! - symbols.get('_start')!;
    for (const [name, at] of symbols) expect(sandbox.symbols.get(name)).toBe(at + slide);
    expect(symbolAt(sandbox, sandbox.symbols.get('_start')! + 3n)?.name).toBe('_start');
  });

  it('reads symbols of a file that is cut off as far as they go', async () => {
    const { elf } = await assemblePe(ASM, { arch: 'x86-64' });
    const parsed = parsePe(elf);
    if (!parsed.ok) throw new Error(parsed.reason);
    for (let length = elf.length; length > 512; length -= 7) {
      const names = peSymbols(elf.slice(0, length), parsed.image).map(({ name }) => name);
      expect(names.length).toBeLessThanOrEqual(2);
    }
  });
});

const C = `
#include <string.h>
#include <stdlib.h>
typedef int (*fn)(void);
static __attribute__((noinline)) int run(unsigned char *p, int depth) {
  volatile char pad[200];
  pad[0] = depth;
  if (depth) return run(p, depth - 1) + pad[0];
  return ((fn)p)() + 1;
}
int main(void) {
  static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
  unsigned char *p = malloc(64);
  memcpy(p, code, sizeof code);
  return run(p, 2);
}
`;

describe('a program of mingw', () => {
  const lacking = lacksMingw();
  it.for<Arch>(['x86-64', 'i386'])(
    '%s is unwound to main, with source lines',
    async (arch, { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const program = buildProgram(arch, C, { options: ['-g', '-O1'] });
      using sandbox = await Sandbox.create({ program, policy: 'dep:mode=alwayson' });
      expect(sandbox.run()).toMatchObject({ kind: 'exception', status: 0xc000_0005 });
      const frames = backtrace(sandbox);
      expect(frames.slice(1, 5).map(({ symbol, line }) => `${symbol}:${line}`)).toEqual([
        'run:9',
        'run:8',
        'run:8',
        'main:15',
      ]);
      expect(frames[2]?.by).toBe('call frame information');
    },
  );
});
