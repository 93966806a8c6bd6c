/** `--dll-path`: a C++ program, the compiler's own DLLs, and a DLL that throws through them. */
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, lacksMingw } from '../../win32/mingw.js';
import { CommandFolder } from '../command.js';

const lacking = lacksMingw('c++');

const LIBRARY = `
#include <stdexcept>
#include <cstdio>
struct Told { Told() { std::puts("loaded"); } ~Told() { std::puts("gone"); } } told;
extern "C" __declspec(dllexport) void thrower(int n) { if (n) throw std::runtime_error("from the DLL"); }`;

const PROGRAM = `
#include <stdexcept>
#include <cstdio>
#include <windows.h>
int main() {
  HMODULE dll = LoadLibraryA("thrower.dll");
  auto thrower = (void (*)(int))GetProcAddress(dll, "thrower");
  try { thrower(1); } catch (const std::exception &e) { std::printf("caught %s\\n", e.what()); }
  return 5;
}`;

let folder: CommandFolder;
beforeAll(() => {
  folder = new CommandFolder();
});
afterAll(() => folder[Symbol.dispose]());

function compilersDlls(): string {
  const compiler = 'x86_64-w64-mingw32-g++';
  const options = { encoding: 'utf8' } as const;
  return dirname(execFileSync(compiler, ['-print-file-name=libstdc++-6.dll'], options).trim());
}

describe('--dll-path', () => {
  it('brings DLLs that a program imports and loads, exceptions through them included', ({
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    const language = 'c++';
    const program = folder.write('program.exe', buildProgram('x86-64', PROGRAM, { language }));
    const options = ['-O1', '-shared'];
    const dll = folder.write('thrower.dll', buildProgram('x86-64', LIBRARY, { language, options }));
    const paths = ['--dll-path', compilersDlls(), '--dll-path', dll];
    const { status, stdout } = folder.mayexec(['run', program, ...paths]);
    expect(stdout.replaceAll('\r', '')).toBe('loaded\ncaught from the DLL\ngone\n');
    expect(status).toBe(5);
  });

  it('says what is neither a folder nor a DLL', () => {
    const program = folder.write('program.s', '.globl _start\n_start: hlt\n');
    const text = folder.write('some.txt', 'text');
    const wrong = folder.mayexec(['run', program, '--dll-path', text]);
    expect(wrong).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('some.txt: expected a'),
    });
    const none = folder.mayexec(['run', program, '--dll-path', 'nowhere']);
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining('nowhere: no such') });
  });
});
