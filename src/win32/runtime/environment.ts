/** msvcrt: the environment. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { textAt } from './stdio.js';

type Unit = 1 | 2;

function get(call: ApiCall, unit: Unit): bigint {
  const value = call.process.variables.get(textAt(call, 0, unit));
  if (value === undefined) return 0n;
  return call.process.datum(`getenv ${unit} ${value}`, () =>
    unit === 1 ? latinBytes(value) : wideBytes(value),
  );
}

/** 'NAME=value'; without a value the variable goes. */
function put(call: ApiCall, unit: Unit): bigint {
  const text = textAt(call, 0, unit);
  const equals = text.indexOf('=');
  if (equals <= 0) return -1n;
  const value = text.slice(equals + 1);
  return call.process.variables.set(text.slice(0, equals), value === '' ? undefined : value)
    ? 0n
    : -1n;
}

export const environmentApi: ApiSet = {
  getenv: cdecl('str name', (call) => get(call, 1)),
  _wgetenv: cdecl('wstr name', (call) => get(call, 2)),
  _putenv: cdecl('str assignment', (call) => put(call, 1)),
  _wputenv: cdecl('wstr assignment', (call) => put(call, 2)),
  // There is no command interpreter.
  system: cdecl('str command', (call) => (call.word(0) === 0n ? 0n : -1n)),
};
