/** Where two runs of one case end differently: registers, flags, vectors, x87, buffers, the end itself. */
import { FLAG_NAMES, flagBit } from '../kit/abi/machine-state.js';
import type { CaseEnd, CaseRecord, CaseState } from './cpu-case.js';

/** One thing that differs, with both values as people read them. */
export interface StateDifference {
  /** 'rax', 'CF', 'xmm0', 'mxcsr', 'st0', 'buffer out +3', 'end'. */
  readonly where: string;
  readonly host: string;
  readonly sandbox: string;
}

/** Bytes of a buffer that are shown one by one; more are counted. */
const MOST_BYTES = 4;

export function compareRecords(host: CaseRecord, sandbox: CaseRecord): StateDifference[] {
  const ends = [endText(host.end), endText(sandbox.end)] as const;
  if (ends[0] !== ends[1]) return [{ where: 'end', host: ends[0], sandbox: ends[1] }];
  const { state: a } = host;
  const { state: b } = sandbox;
  const states = a === undefined || b === undefined ? [] : compareStates(a, b);
  return [...states, ...compareBuffers(host.buffers, sandbox.buffers)];
}

export function endText(end: CaseEnd): string {
  switch (end.kind) {
    case 'return':
      return 'returns';
    case 'signal':
      return `${end.signal} (${end.code}) at 0x${end.pc.toString(16)}, address 0x${end.address.toString(16)}`;
    case 'killed':
      return `killed by ${end.signal}`;
    case 'limit':
      return 'does not end';
  }
}

function compareStates(host: CaseState, sandbox: CaseState): StateDifference[] {
  const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
  const values = (state: CaseState): (readonly [string, number | bigint])[] => [
    ...Object.entries(state.registers),
    ...FLAG_NAMES.map((name) => [name, state.flags & flagBit(name)! ? 1 : 0] as const),
    ...state.vectors.map((value, index) => [`xmm${index}`, value] as const),
    ['mxcsr', state.mxcsr],
    ['fpcw', state.x87.control],
    ['fpsw', state.x87.status],
    ['fptag', state.x87.tags],
    // What is left in a register that is not in use is nobody's affair.
    ...state.x87.registers.flatMap((value, index) =>
      inUse(state, index) ? [[`st${index}`, value] as const] : [],
    ),
  ];
  const others = new Map(values(sandbox));
  return values(host).flatMap(([where, value]) => {
    const other = others.get(where);
    if (other === undefined || other === value) return [];
    return [{ where, host: hex(value), sandbox: hex(other) }];
  });
}

/** FXSAVE's registers count from the top of the stack, its tags from register 0. */
function inUse({ x87 }: CaseState, index: number): boolean {
  const top = (x87.status >> 11) & 7;
  return (x87.tags & (1 << ((index + top) & 7))) !== 0;
}

function compareBuffers(
  host: CaseRecord['buffers'],
  sandbox: CaseRecord['buffers'],
): StateDifference[] {
  return Object.entries(host).flatMap(([name, bytes]) => {
    const other = sandbox[name];
    if (other === undefined) return [];
    const at = [...bytes.keys()].filter((index) => bytes[index] !== other[index]);
    const shown = at.slice(0, MOST_BYTES).map((index) => ({
      where: `buffer ${name} +${index}`,
      host: byteText(bytes[index]!),
      sandbox: byteText(other[index]!),
    }));
    if (at.length <= MOST_BYTES) return shown;
    const more = `${at.length - MOST_BYTES} more bytes`;
    return [...shown, { where: `buffer ${name}`, host: more, sandbox: more }];
  });
}

function byteText(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
