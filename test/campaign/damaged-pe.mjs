/**
 * Damaged programs for Windows: mutations of valid PE files, loaded, run and looked at (back trace, findings, timeline),
 * under Windows and Wine. Whatever the file says there is an outcome or one MayexecError: no other error of the host's,
 * no hang, no growth. `npm run campaign damaged-pe`, with `--inputs=N` and `--seed=N` behind `--`. Status 1 when one
 * fails; its seed and round are told, and `--seed=N --round=N` makes it again. Programs of mingw's are among them where its compilers are installed.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assemblePe, backtrace, MayexecError, Sandbox, timelineOf } from '../../dist/index.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '200000' },
    seed: { type: 'string', default: '1' },
    round: { type: 'string' },
  },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed);
const only = values.round === undefined ? undefined : Number(values.round);
/** Longest that one may take, in milliseconds: far above what any takes. */
const HANG = 20_000;

/** mulberry32: a round can be made again by its number alone. */
function randomOf(start) {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const ASSEMBLY = {
  'x86-64': `
    .import kernel32.dll, VirtualAlloc, VirtualProtect, HeapAlloc, GetProcessHeap, ExitProcess
    .import msvcrt.dll, malloc
    .globl _start
_start:
    sub rsp, 0x48
    xor ecx, ecx
    mov edx, 8192
    mov r8d, 0x3000
    mov r9d, 4
    call [VirtualAlloc]
    mov rbx, rax
    mov byte ptr [rbx], 0xc3
    call function
    mov rcx, rbx
    mov edx, 4096
    mov r8d, 0x20
    lea r9, [rsp + 0x40]
    call [VirtualProtect]
    call rbx
    mov ecx, 3
    call [ExitProcess]
function:
    push rbp
    mov rbp, rsp
    call rbx
    pop rbp
    ret
    .data
    .quad _start`,
  i386: `
    .import kernel32.dll, VirtualAlloc, AddVectoredExceptionHandler, ExitProcess
    .globl _start
_start:
    push offset handler
    push 1
    call [AddVectoredExceptionHandler]
    push 4
    push 0x3000
    push 4096
    push 0
    call [VirtualAlloc]
    call eax
    push 3
    call [ExitProcess]
handler:
    xor eax, eax
    ret 4`,
};

const C = `
#include <windows.h>
#include <stdio.h>
__declspec(thread) int local = 4;
__declspec(dllexport) int shown(int n) { return n + local; }
int main(void) { char *p = malloc(32); *p = (char)0xc3; printf("%d\\n", shown(1)); ((void (*)(void))p)(); return 0; }`;

function compiled(compiler) {
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-damaged-'));
  try {
    const [source, program] = [join(folder, 'a.c'), join(folder, 'a.exe')];
    writeFileSync(source, C);
    execFileSync(compiler, ['-w', '-g', '-O1', '-o', program, source], { stdio: 'ignore' });
    return [new Uint8Array(readFileSync(program))];
  } catch {
    process.stderr.write(`${compiler} is not there: its programs are left out\n`);
    return [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Words that break sums: near 0, near the ends of 31 and 32 bits, of a page. */
const WORDS = [
  0, 1, 0xfff, 0x1000, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_fffc, 0xffff_ffff,
];

/** Most of it in headers and tables, where numbers mean something. */
function damaged(valid, random) {
  const bytes = valid.slice();
  const view = new DataView(bytes.buffer);
  for (let count = random() % 4; count >= 0; count--) {
    const head = random() % 3 !== 0;
    const at = random() % Math.max(4, (head ? Math.min(bytes.length, 0x600) : bytes.length) - 4);
    switch (random() % 3) {
      case 0:
        bytes[at] = random() & 0xff;
        break;
      case 1:
        view.setUint32(at, WORDS[random() % WORDS.length], true);
        break;
      default:
        view.setUint32(at, (view.getUint32(at, true) + (random() % 0x2001) - 0x1000) >>> 0, true);
    }
  }
  return random() % 8 === 0 ? bytes.subarray(0, random() % bytes.length) : bytes;
}

const programs = [
  ...(await Promise.all(
    Object.entries(ASSEMBLY).map(
      async ([arch, source]) => (await assemblePe(source, { arch })).elf,
    ),
  )),
  ...['x86_64-w64-mingw32-gcc', 'i686-w64-mingw32-gcc'].flatMap(compiled),
];
const ends = new Map();
let slowest = { took: 0, round: 0 };
let failed = 0;

for (let round = only ?? 0; round < (only === undefined ? inputs : only + 1); round++) {
  const random = randomOf(seed * 1_000_003 + round);
  const program = damaged(programs[random() % programs.length], random);
  const os = random() % 2 === 0 ? 'windows' : 'wine';
  const begun = performance.now();
  let end;
  let sandbox;
  try {
    sandbox = await Sandbox.create({
      program,
      os,
      monitor: true,
      limits: { memory: 16 << 20, blocks: 300_000 },
    });
    end = sandbox.run().kind;
    backtrace(sandbox);
    timelineOf(sandbox.trace);
    if (sandbox.findings.length > 10_000) throw new Error('findings without end');
  } catch (error) {
    if (error instanceof MayexecError) end = 'refused';
    else {
      failed++;
      end = 'FAILED';
      process.stdout.write(`seed ${seed}, round ${round}, ${os}: ${error.stack}\n`);
    }
  } finally {
    sandbox?.close();
  }
  const took = performance.now() - begun;
  if (took > slowest.took) slowest = { took, round };
  ends.set(end, (ends.get(end) ?? 0) + 1);
  if ((round + 1) % 10_000 === 0) {
    const resident = (process.memoryUsage.rss() / 1e6).toFixed(0);
    process.stderr.write(`${round + 1} of ${inputs}: ${failed} failed, ${resident} MB resident\n`);
  }
}
const counts = [...ends].map(([kind, count]) => `${kind} ${count}`).join(', ');
process.stdout.write(
  `${only === undefined ? inputs : 1} damaged programs: ${counts}; the slowest took ${slowest.took.toFixed(0)} ms (round ${slowest.round})\n`,
);
process.exitCode = failed > 0 || slowest.took > HANG ? 1 : 0;
