/** msvcrt: what a program's start-up asks for: arguments, initialisers, exit functions, and the library's data. */
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import type { DataExports } from '../loader/builtin-dlls.js';
import { runAtExit } from '../process/exit.js';
import { exitProcess } from '../process/exit-process.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';
import type { Win32System } from '../system.js';
import { errnoAddress, setErrno } from './errors.js';
import { dataAddress } from './iob.js';
import { flushAll, standardStream, textAt } from './stdio.js';
import { STREAMS, standardStreams, streamSize } from './stream.js';

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
    _iob: STREAMS * streamSize(word),
    _wcmdln: word,
    __winitenv: word,
    _environ: word,
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
  space.vm.pages.poke(at('_iob'), standardStreams(word));
  const wideLine = process.datum('command line, wide', () => wideBytes(process.commandLine));
  space.vm.pages.poke(at('_wcmdln'), new Struct(word).setWord(0, word, wideLine).bytes);
  for (const name of ['__initenv', '_environ']) {
    const table = environmentTable(process, 1);
    space.vm.pages.poke(at(name), new Struct(word).setWord(0, word, table).bytes);
  }
  const wide = environmentTable(process, 2);
  space.vm.pages.poke(at('__winitenv'), new Struct(word).setWord(0, word, wide).bytes);
}

function environmentTable(process: Win32Process, unit: 1 | 2): bigint {
  return pointerArray(process, `environment ${unit}`, process.variables.all, unit);
}

/** A NULL-terminated array of strings. */
function pointerArray(
  process: Win32Process,
  name: string,
  texts: readonly string[],
  unit: 1 | 2,
): bigint {
  const { word } = process;
  const strings = texts.map((text, index) =>
    process.datum(`${name} ${index}`, () => (unit === 1 ? latinBytes(text) : wideBytes(text))),
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

function mainArguments(call: ApiCall, unit: 1 | 2): bigint {
  const { process, memory } = call;
  const args = splitCommandLine(process.commandLine);
  memory.setU32(call.word(0), args.length);
  memory.setWord(call.word(1), pointerArray(process, `arguments ${unit}`, args, unit));
  memory.setWord(call.word(2), environmentTable(process, unit));
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
  __getmainargs: cdecl('out argc, out argv, out env, int wildcards, ptr info', (call) =>
    mainArguments(call, 1),
  ),
  __wgetmainargs: cdecl('out argc, out argv, out env, int wildcards, ptr info', (call) =>
    mainArguments(call, 2),
  ),
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
  _amsg_exit: cdecl('int number', (call) => {
    call.process.system.note(`the C run-time gives up: error R60${call.int(0)}`);
    return exitProcess(255);
  }),
  _lock: cdecl('int number', () => 0n),
  _unlock: cdecl('int number', () => 0n),
  __p___initenv: cdecl('', (call) => dataAddress(call.process, '__initenv')),
  __p__environ: cdecl('', (call) => dataAddress(call.process, '_environ')),
  __p__wcmdln: cdecl('', (call) => dataAddress(call.process, '_wcmdln')),
  _errno: cdecl('', (call) => errnoAddress(call.process)),
  _get_errno: cdecl('out value', (call) => {
    call.memory.setU32(call.word(0), call.memory.u32(errnoAddress(call.process)));
    return 0n;
  }),
  _set_errno: cdecl('int value', (call) => {
    setErrno(call.process, call.int(0));
    return 0n;
  }),
  _assert: cdecl('str expression, str file, dword line', (call) => {
    const [expression, file] = [textAt(call, 0), textAt(call, 1)];
    const text = `Assertion failed: ${expression}, file ${file}, line ${call.dword(2)}\n\n`;
    standardStream(call.process, 2).write(latinBytes(text, false));
    return exitProcess(3);
  }),
  _getpid: cdecl('', (call) => call.process.pid),
};
