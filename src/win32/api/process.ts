/** kernel32: processes. */
import { ERROR } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { runChild } from '../loader/child.js';
import { runAtExit } from '../process/exit.js';
import { exitProcess } from '../process/exit-process.js';
import type { HandleObject } from '../process/handles.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { flushAll } from '../runtime/stdio.js';
import { handleOf } from './files.js';
import { isSelf } from './self.js';
import { inheritHandles } from './shared-objects.js';

const STILL_ACTIVE = 259;
const CREATE_SUSPENDED = 4;
const MAX_DEPTH = 8;
const STARTF_USESTDHANDLES = 0x100;

function* createProcess(call: ApiCall): HostTask<bigint> {
  const { process, memory } = call;
  const application = call.word(0) === 0n ? undefined : call.text(0);
  const commandLine = call.word(1) === 0n ? (application ?? '') : call.text(1);
  if (commandLine === undefined) return 0n;
  const path = application ?? firstWord(commandLine);
  const file = process.system.files.find(path) ?? process.system.files.find(`${path}.exe`);
  if (file === undefined) return call.fail(ERROR.FILE_NOT_FOUND);
  if (call.dword(5) & CREATE_SUSPENDED) {
    process.system.note(
      'CreateProcess: a process that begins suspended is not among what mayexec has',
    );
    return call.fail(ERROR.NOT_SUPPORTED);
  }
  if (process.system.children.length >= MAX_DEPTH) return call.fail(ERROR.NOT_ENOUGH_MEMORY);
  const standard = standardHandles(call);
  const prepare = (started: Win32Process): void => {
    if (call.dword(4) !== 0) inheritHandles(process, started);
    for (const [handle, object] of standard) started.handles.addAt(handle, object);
  };
  const child = yield* runChild(process, {
    path,
    commandLine,
    bytes: file.bytes.slice(),
    prepare,
  });
  if (typeof child === 'number') return call.fail(child);
  const { pid, tid, exitCode } = child;
  const handle = process.handles.add({ kind: 'process', pid, exitCode });
  const thread = process.handles.add({ kind: 'thread', thread: { tid, exitCode } });
  const { word } = process;
  const info = new Struct(2 * word + 8)
    .setWord(0, word, BigInt(handle ?? 0))
    .setWord(word, word, BigInt(thread ?? 0))
    .setU32(2 * word, pid)
    .setU32(2 * word + 4, tid);
  memory.write(call.word(9), info.bytes);
  return 1n;
}

/** What STARTUPINFO puts in the place of input and outputs. */
function standardHandles(call: ApiCall): [number, HandleObject][] {
  const { process, memory } = call;
  const { wide, handles } = process;
  const at = call.word(8);
  const info = at === 0n ? undefined : memory.tryRead(at, wide ? 104 : 68);
  if (info === undefined || call.dword(4) === 0) return [];
  const fields = new Struct(info);
  if (!(fields.u32(wide ? 60 : 44) & STARTF_USESTDHANDLES)) return [];
  return [0x10, 0x14, 0x18].flatMap((handle, index): [number, HandleObject][] => {
    const given = fields.word((wide ? 80 : 56) + index * process.word, process.word);
    const object = handles.get(Number(given & 0xffff_ffffn));
    return object === undefined ? [] : [[handle, object]];
  });
}

function firstWord(commandLine: string): string {
  const quoted = /^\s*"([^"]*)"/.exec(commandLine);
  return quoted?.[1] ?? commandLine.trim().split(/\s/)[0] ?? '';
}

function exitCodeOf(call: ApiCall): number | undefined {
  if (isSelf(call, 0)) return STILL_ACTIVE;
  const object = call.process.handles.get(handleOf(call, 0));
  return object?.kind === 'process' ? object.exitCode : undefined;
}

function startupInfo(call: ApiCall): bigint {
  const { wide, word } = call.process;
  const size = wide ? 104 : 68;
  const info = new Struct(size).setU32(0, size);
  const handles = wide ? 80 : 56;
  for (const [index, handle] of [0x10n, 0x14n, 0x18n].entries()) {
    info.setWord(handles + index * word, word, handle);
  }
  call.memory.write(call.word(0), info.bytes);
  return 0n;
}

function environment(call: ApiCall, wide: boolean): bigint {
  const name = call.text(0, wide);
  if (name === undefined) return 0n;
  const value = call.process.variables.get(name);
  if (value === undefined) return call.fail(ERROR.ENVVAR_NOT_FOUND);
  if (call.dword(2) <= value.length) return BigInt(value.length + 1);
  call.memory.write(call.word(1), wide ? wideBytes(value) : latinBytes(value));
  return BigInt(value.length);
}

function setVariable(call: ApiCall, wide: boolean): bigint {
  const name = call.text(0, wide);
  const value = call.word(1) === 0n ? undefined : call.text(1, wide);
  if (name === undefined || name === '' || name.includes('=')) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  return call.process.variables.set(name, value) ? 1n : call.fail(ERROR.NOT_ENOUGH_MEMORY);
}

export const processApi: ApiSet = {
  GetCurrentProcess: api('', () => -1n),
  GetCurrentProcessId: api('', (call) => call.process.pid),
  ExitProcess: api('dword uExitCode', function* (call) {
    yield* runAtExit(call.process, false);
    flushAll(call.process);
    return exitProcess(call.dword(0));
  }),
  TerminateProcess: api('handle hProcess, dword uExitCode', (call) =>
    isSelf(call, 0) ? exitProcess(call.dword(1)) : call.fail(ERROR.INVALID_HANDLE),
  ),
  CreateProcessA: api(
    'str lpApplicationName, str lpCommandLine, ptr lpProcessAttributes, ptr lpThreadAttributes, bool bInheritHandles, flags dwCreationFlags, ptr lpEnvironment, str lpCurrentDirectory, ptr lpStartupInfo, out lpProcessInformation',
    createProcess,
  ),
  GetExitCodeProcess: api('handle hProcess, out lpExitCode', (call) => {
    const code = exitCodeOf(call);
    if (code === undefined) return call.fail(ERROR.INVALID_HANDLE);
    call.memory.setU32(call.word(1), code);
    return 1n;
  }),
  GetStartupInfoA: api('out lpStartupInfo', startupInfo),
  GetStartupInfoW: api('out lpStartupInfo', startupInfo),
  GetCommandLineA: api('', (call) =>
    call.process.datum('command line', () => latinBytes(call.process.commandLine)),
  ),
  GetCommandLineW: api('', (call) =>
    call.process.datum('command line, wide', () => wideBytes(call.process.commandLine)),
  ),
  SetEnvironmentVariableA: api('str lpName, str lpValue', (call) => setVariable(call, false)),
  SetEnvironmentVariableW: api('wstr lpName, wstr lpValue', (call) => setVariable(call, true)),
  GetEnvironmentVariableA: api('str lpName, out lpBuffer, dword nSize', (call) =>
    environment(call, false),
  ),
  GetEnvironmentVariableW: api('wstr lpName, out lpBuffer, dword nSize', (call) =>
    environment(call, true),
  ),
};
