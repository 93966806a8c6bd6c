/** msvcrt: what a program's start-up asks for: arguments, initialisers, exit functions, and the library's data. */
import { Struct } from '../../base/struct.js';
import { exitProcess } from '../api/process.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import type { DataExports } from '../loader/builtin-dlls.js';
import { runAtExit } from '../process/exit.js';
import { latinBytes } from '../process/memory-io.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';
import type { Win32System } from '../system.js';
import { dataAddress } from './iob.js';
import { flushAll } from './stdio.js';
import { iobBytes, iobSize } from './stdio-files.js';

const MAX_AT_EXIT = 4096;
const MAX_INITIALISERS = 65536;

/** Data that msvcrt exports, with their sizes. */
export function msvcrtData({ arch }: Win32System): DataExports {
  const word = arch === 'x86-64' ? 8 : 4;
  return {
    _acmdln: word,
    _commode: 4,
    _fmode: 4,
    __initenv: word,
    __mb_cur_max: 4,
    _iob: iobSize(word),
  };
}

/** Gives the exported data their values. */
export function prepareMsvcrt(process: Win32Process, module: Module): void {
  const { word, space } = process;
  const at = (name: string): bigint =>
    module.base + BigInt(module.exports.byName.get(name)?.rva ?? 0);
  const line = process.datum('command line', () => latinBytes(process.commandLine));
  space.vm.pages.poke(at('_acmdln'), new Struct(word).setWord(0, word, line).bytes);
  space.vm.pages.poke(at('__mb_cur_max'), new Struct(4).setU32(0, 1).bytes);
  space.vm.pages.poke(at('_iob'), iobBytes(word));
  const environment = pointerArray(process, 'environment', process.environment);
  space.vm.pages.poke(at('__initenv'), new Struct(word).setWord(0, word, environment).bytes);
}

/** A NULL-terminated array of strings. */
function pointerArray(process: Win32Process, name: string, texts: readonly string[]): bigint {
  const { word } = process;
  const strings = texts.map((text, index) =>
    process.datum(`${name} ${index}`, () => latinBytes(text)),
  );
  return process.datum(name, () => {
    const table = new Struct((texts.length + 1) * word);
    for (const [index, address] of strings.entries()) table.setWord(index * word, word, address);
    return table.bytes;
  });
}

/** As the C run-time splits a command line: quotes, and backslashes before them. */
export function splitCommandLine(line: string): string[] {
  const args: string[] = [];
  let current = '';
  let quoted = false;
  let started = false;
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (letter === '\\') {
      const run = /^\\+/.exec(line.slice(at))![0].length;
      const beforeQuote = line[at + run] === '"';
      current += '\\'.repeat(beforeQuote ? Math.floor(run / 2) : run);
      started = true;
      at += run - 1;
      if (beforeQuote && run % 2 === 1) {
        current += '"';
        at++;
      }
    } else if (letter === '"') {
      quoted = !quoted;
      started = true;
    } else if (!quoted && (letter === ' ' || letter === '\t')) {
      if (started) args.push(current);
      current = '';
      started = false;
    } else {
      current += letter;
      started = true;
    }
  }
  if (started) args.push(current);
  return args;
}

function getMainArguments(call: ApiCall): bigint {
  const { process, memory } = call;
  const args = splitCommandLine(process.commandLine);
  memory.setU32(call.word(0), args.length);
  memory.setWord(call.word(1), pointerArray(process, 'arguments', args));
  memory.setWord(call.word(2), pointerArray(process, 'environment', process.environment));
  return 0n;
}

function* initterm(call: ApiCall): HostTask<bigint> {
  const { process, memory } = call;
  const { word } = process;
  const [start, end] = [call.word(0), call.word(1)];
  const count = Math.min(Number((end - start) / BigInt(word)), MAX_INITIALISERS);
  for (let index = 0; index < count; index++) {
    const fn = memory.word(start + BigInt(index * word));
    if (fn !== 0n) yield* callback(process, fn, []);
  }
  return 0n;
}

function register(call: ApiCall): boolean {
  const { process } = call;
  if (process.atExit.length >= MAX_AT_EXIT) return false;
  process.atExit.push(call.word(0));
  return true;
}

function* finish(call: ApiCall): HostTask<never> {
  yield* runAtExit(call.process, true);
  flushAll(call.process);
  return exitProcess(call.dword(0));
}

export const startUpApi: ApiSet = {
  __getmainargs: cdecl('out argc, out argv, out env, int wildcards, ptr info', getMainArguments),
  __set_app_type: cdecl('int type', () => 0n),
  __setusermatherr: cdecl('ptr handler', () => 0n),
  __p__acmdln: cdecl('', (call) => dataAddress(call.process, '_acmdln')),
  __p__commode: cdecl('', (call) => dataAddress(call.process, '_commode')),
  __p__fmode: cdecl('', (call) => dataAddress(call.process, '_fmode')),
  _initterm: cdecl('ptr first, ptr last', initterm),
  _onexit: cdecl('ptr function', (call) => (register(call) ? call.word(0) : 0n)),
  atexit: cdecl('ptr function', (call) => (register(call) ? 0n : 1n)),
  _cexit: cdecl('', function* (call) {
    yield* runAtExit(call.process, true);
    flushAll(call.process);
    return 0n;
  }),
  _c_exit: cdecl('', () => 0n),
  exit: cdecl('int status', finish),
  _exit: cdecl('int status', (call) => exitProcess(call.dword(0))),
  abort: cdecl('', (call) => {
    call.process.system.note('the program called abort()');
    return exitProcess(3);
  }),
  _amsg_exit: cdecl('int number', (call) => {
    call.process.system.note(`the C run-time gives up: error R60${call.int(0)}`);
    return exitProcess(255);
  }),
  _lock: cdecl('int number', () => 0n),
  _unlock: cdecl('int number', () => 0n),
  // SIG_DFL and SIG_IGN are what start-up code says; a handler of the program's would have to be called.
  signal: cdecl('int number, ptr handler', (call) => {
    if (call.word(1) > 1n) {
      call.process.system.note(`signal(${call.int(0)}): its handler is not called`);
    }
    return 0n;
  }),
  _errno: cdecl('', (call) => call.process.datum('errno', () => new Uint8Array(4))),
};
