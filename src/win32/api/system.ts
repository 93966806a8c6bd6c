/** kernel32: the system, time, errors. */
import { ERROR } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes } from '../process/memory-io.js';

function systemInfo(call: ApiCall): bigint {
  const { process } = call;
  const { word, wide, space } = process;
  const info = new Struct(wide ? 48 : 36).setU16(0, wide ? 9 : 0).setU32(4, 0x1000);
  const highest = space.highestAddress;
  info
    .setWord(8, word, 0x10000n)
    .setWord(8 + word, word, highest)
    .setWord(8 + 2 * word, word, 1n);
  const rest = 8 + 3 * word;
  info
    .setU32(rest, 1)
    .setU32(rest + 4, wide ? 8664 : 586)
    .setU32(rest + 8, 0x10000)
    .setU16(rest + 12, 6);
  call.memory.write(call.word(0), info.bytes);
  return 0n;
}

function versionEx(call: ApiCall, wide: boolean): bigint {
  const [major, minor, build] = call.process.system.traits.version;
  const at = call.word(0);
  const size = call.memory.u32(at);
  const plain = wide ? 276 : 148;
  if (size < plain) return call.fail(ERROR.INSUFFICIENT_BUFFER);
  const info = new Struct(size)
    .setU32(0, size)
    .setU32(4, major)
    .setU32(8, minor)
    .setU32(12, build)
    .setU32(16, 2);
  if (major === 6 && minor === 1) info.set(20, latinBytes('Service Pack 1'));
  call.memory.write(at, info.bytes);
  return 1n;
}

/** As each system words them, Windows in English; of others the number is told. */
const MESSAGES: Readonly<Record<'windows' | 'wine', Readonly<Record<number, string>>>> = {
  windows: {
    0: 'The operation completed successfully.',
    2: 'The system cannot find the file specified.',
    3: 'The system cannot find the path specified.',
    5: 'Access is denied.',
    6: 'The handle is invalid.',
    8: 'Not enough memory resources are available to process this command.',
    87: 'The parameter is incorrect.',
    487: 'Attempt to access invalid address.',
    998: 'Invalid access to memory location.',
    1655: 'The operation was blocked as the process prohibits dynamic code generation.',
  },
  wine: {
    0: 'Success.',
    2: 'File not found.',
    3: 'Path not found.',
    5: 'Access denied.',
    6: 'Invalid handle.',
    8: 'Not enough memory.',
    87: 'Invalid parameter.',
    487: 'Invalid address.',
    998: 'No access to memory location.',
  },
};

const FORMAT_ALLOCATE_BUFFER = 0x100;

function formatMessage(call: ApiCall): bigint {
  const { process, memory } = call;
  const text = `${MESSAGES[call.process.system.traits.os][call.dword(2)] ?? `Error ${call.dword(2)}.`}\r\n`;
  if (call.dword(0) & FORMAT_ALLOCATE_BUFFER) {
    const block = process.allocate(text.length + 1);
    if (block === undefined) return call.fail(ERROR.NOT_ENOUGH_MEMORY);
    memory.write(block, latinBytes(text));
    memory.setWord(call.word(4), block);
    return BigInt(text.length);
  }
  if (call.dword(5) <= text.length) return call.fail(ERROR.INSUFFICIENT_BUFFER);
  memory.write(call.word(4), latinBytes(text));
  return BigInt(text.length);
}

export const systemApi: ApiSet = {
  GetLastError: api('', (call) => call.process.lastError),
  SetLastError: api('dword dwErrCode', (call) => {
    call.process.lastError = call.dword(0);
    return 0n;
  }),
  SetErrorMode: api('flags uMode', (call) => {
    const old = call.process.errorMode;
    call.process.errorMode = call.dword(0);
    return old;
  }),
  GetSystemInfo: api('out lpSystemInfo', systemInfo),
  GetNativeSystemInfo: api('out lpSystemInfo', systemInfo),
  GetVersion: api('', (call) => {
    const [major, minor, build] = call.process.system.traits.version;
    return major | (minor << 8) | (build << 16);
  }),
  GetVersionExA: api('out lpVersionInformation', (call) => versionEx(call, false)),
  GetVersionExW: api('out lpVersionInformation', (call) => versionEx(call, true)),
  IsProcessorFeaturePresent: api('dword ProcessorFeature', (call) =>
    [6, 8, 10, 12].includes(call.dword(0)),
  ),
  IsDebuggerPresent: api('', () => 0n),
  OutputDebugStringA: api('str lpOutputString', () => 0n),
  OutputDebugStringW: api('wstr lpOutputString', () => 0n),
  MulDiv: api('int nNumber, int nNumerator, int nDenominator', (call) => {
    const [a, b, c] = [call.int(0), call.int(1), call.int(2)].map(BigInt) as [
      bigint,
      bigint,
      bigint,
    ];
    if (c === 0n) return -1n;
    const half = (c < 0n ? -c : c) / 2n;
    const product = a * b;
    const rounded = (product < 0n ? product - half : product + half) / c;
    return BigInt.asIntN(32, rounded) === rounded ? rounded : -1n;
  }),
  EncodePointer: api('ptr Ptr', (call) => call.word(0)),
  DecodePointer: api('ptr Ptr', (call) => call.word(0)),
  FormatMessageA: api(
    'flags dwFlags, ptr lpSource, dword dwMessageId, dword dwLanguageId, out lpBuffer, dword nSize, ptr Arguments',
    formatMessage,
  ),
};
