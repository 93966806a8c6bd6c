/** kernel32's strings (lstr...), and wsprintf of user32. */
import { type ApiSet, api, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { variadic } from '../runtime/arguments.js';
import { format } from '../runtime/format.js';

type Unit = 1 | 2;

function text(call: ApiCall, index: number, unit: Unit): string {
  return call.text(index, unit === 2) ?? '';
}

function put(call: ApiCall, at: bigint, value: string, unit: Unit): bigint {
  call.memory.write(at, unit === 1 ? latinBytes(value) : wideBytes(value));
  return call.word(0);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function family(unit: Unit): ApiSet {
  const kind = unit === 1 ? 'str' : 'wstr';
  const suffix = unit === 1 ? 'A' : 'W';
  const at = (call: ApiCall, index: number): string => text(call, index, unit);
  const pair = `${kind} lpString1, ${kind} lpString2`;
  return {
    [`lstrcpy${suffix}`]: api(`out lpString1, ${kind} lpString2`, (call) =>
      put(call, call.word(0), at(call, 1), unit),
    ),
    [`lstrcpyn${suffix}`]: api(`out lpString1, ${kind} lpString2, int iMaxLength`, (call) =>
      put(call, call.word(0), at(call, 1).slice(0, Math.max(0, call.int(2) - 1)), unit),
    ),
    [`lstrcat${suffix}`]: api(pair, (call) =>
      put(call, call.word(0) + BigInt(at(call, 0).length * unit), at(call, 1), unit),
    ),
    [`lstrcmp${suffix}`]: api(pair, (call) => compare(at(call, 0), at(call, 1))),
    [`lstrcmpi${suffix}`]: api(pair, (call) =>
      compare(at(call, 0).toLowerCase(), at(call, 1).toLowerCase()),
    ),
  };
}

export const stringsApi: ApiSet = { ...family(1), ...family(2) };

function printed(call: ApiCall, unit: Unit): number {
  const out = format(text(call, 1, unit), variadic(call), unit === 2)?.slice(0, 1024) ?? '';
  put(call, call.word(0), out, unit);
  return out.length;
}

export const user32Api: ApiSet = {
  wsprintfA: cdecl('out buffer, str format', (call) => printed(call, 1)),
  wsprintfW: cdecl('out buffer, wstr format', (call) => printed(call, 2)),
};
