/** msvcrt: the printf family, narrow and wide. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { vaList, variadic } from './arguments.js';
import { ENOMEM, setErrno } from './errors.js';
import { type FormatArguments, format } from './format.js';
import { standardStream, streamOf, textAt } from './stdio.js';
import type { Stream } from './stream.js';

type Unit = 1 | 2;

/** Undefined, with ENOMEM: too long. */
function formatted(
  call: ApiCall,
  at: number,
  unit: Unit,
  args: FormatArguments,
): string | undefined {
  const text = format(textAt(call, at, unit), args, unit === 2);
  if (text === undefined) setErrno(call.process, ENOMEM);
  return text;
}

function print(stream: Stream, text: string | undefined): number {
  if (text === undefined) return -1;
  stream.write(latinBytes(text, false));
  return text.length;
}

/** _snprintf's contract: -1 when it did not fit; the terminator only when there is room for it. */
function intoBuffer(
  call: ApiCall,
  room: number | undefined,
  text: string | undefined,
  unit: Unit,
): number {
  if (text === undefined) return -1;
  const bytes = unit === 1 ? latinBytes(text) : wideBytes(text);
  if (room === undefined || text.length < room) {
    call.memory.write(call.word(0), bytes);
    return text.length;
  }
  call.memory.write(call.word(0), bytes.subarray(0, room * unit));
  return text.length === room ? room : -1;
}

const out = (call: ApiCall): Stream => standardStream(call.process, 1);
const room = (call: ApiCall): number => Number(call.word(1));

/** `_vscprintf`: how long it would be. */
const measured = (unit: Unit) => (call: ApiCall) =>
  formatted(call, 0, unit, vaList(call, 1))?.length ?? -1;

export const printApi: ApiSet = {
  printf: cdecl('str format', (call) => print(out(call), formatted(call, 0, 1, variadic(call)))),
  wprintf: cdecl('wstr format', (call) => print(out(call), formatted(call, 0, 2, variadic(call)))),
  vprintf: cdecl('str format, ptr arguments', (call) =>
    print(out(call), formatted(call, 0, 1, vaList(call, 1))),
  ),
  vwprintf: cdecl('wstr format, ptr arguments', (call) =>
    print(out(call), formatted(call, 0, 2, vaList(call, 1))),
  ),
  fprintf: cdecl('ptr stream, str format', (call) =>
    print(streamOf(call, 0), formatted(call, 1, 1, variadic(call))),
  ),
  fwprintf: cdecl('ptr stream, wstr format', (call) =>
    print(streamOf(call, 0), formatted(call, 1, 2, variadic(call))),
  ),
  vfprintf: cdecl('ptr stream, str format, ptr arguments', (call) =>
    print(streamOf(call, 0), formatted(call, 1, 1, vaList(call, 2))),
  ),
  vfwprintf: cdecl('ptr stream, wstr format, ptr arguments', (call) =>
    print(streamOf(call, 0), formatted(call, 1, 2, vaList(call, 2))),
  ),
  sprintf: cdecl('out buffer, str format', (call) =>
    intoBuffer(call, undefined, formatted(call, 1, 1, variadic(call)), 1),
  ),
  vsprintf: cdecl('out buffer, str format, ptr arguments', (call) =>
    intoBuffer(call, undefined, formatted(call, 1, 1, vaList(call, 2)), 1),
  ),
  _snprintf: cdecl('out buffer, size count, str format', (call) =>
    intoBuffer(call, room(call), formatted(call, 2, 1, variadic(call)), 1),
  ),
  _vsnprintf: cdecl('out buffer, size count, str format, ptr arguments', (call) =>
    intoBuffer(call, room(call), formatted(call, 2, 1, vaList(call, 3)), 1),
  ),
  swprintf: cdecl('out buffer, wstr format', (call) =>
    intoBuffer(call, undefined, formatted(call, 1, 2, variadic(call)), 2),
  ),
  _snwprintf: cdecl('out buffer, size count, wstr format', (call) =>
    intoBuffer(call, room(call), formatted(call, 2, 2, variadic(call)), 2),
  ),
  _vsnwprintf: cdecl('out buffer, size count, wstr format, ptr arguments', (call) =>
    intoBuffer(call, room(call), formatted(call, 2, 2, vaList(call, 3)), 2),
  ),
  _vscprintf: cdecl('str format, ptr arguments', measured(1)),
  _vscwprintf: cdecl('wstr format, ptr arguments', measured(2)),
  _scprintf: cdecl('str format', (call) => formatted(call, 0, 1, variadic(call))?.length ?? -1),
};
