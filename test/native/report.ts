/**
 * What the guest wrote, as lines of text that mean the same in every run: addresses relative to the
 * window (W), the hole (H) or the program break (B), errnos and signals by name, maps without inodes.
 */

import { ERRNO } from '../../src/abi/linux/errno.js';
import { MAP_32BIT } from '../../src/abi/linux/mman.js';
import type { Arch } from '../../src/base/address.js';
import {
  BASE,
  CAPTURE,
  HOLE_OFFSET,
  OP,
  PLACES,
  RECORD_BEGIN,
  RECORD_END,
  RECORD_LENGTH,
} from './guest.js';
import { memoryLines, type Regions } from './maps.js';
import type { CallOp, Op, Sequence } from './operation.js';

export interface Entry {
  /** Index of the operation in its sequence. */
  readonly index: number;
  readonly text: string;
}

export interface SequenceReport {
  readonly id: number;
  readonly entries: readonly Entry[];
  /** 'done', or how the process ended: a sequence never kills its process when all is well. */
  readonly end: string;
}

const ERRNO_NAMES = new Map<number, string>(
  Object.entries(ERRNO).map(([name, [number]]) => [number, name]),
);
const SIGNALS = new Map([
  [4, 'SIGILL'],
  [5, 'SIGTRAP'],
  [7, 'SIGBUS'],
  [8, 'SIGFPE'],
  [11, 'SIGSEGV'],
]);
const CODES: Record<string, string> = {
  'SIGSEGV 1': 'SEGV_MAPERR',
  'SIGSEGV 2': 'SEGV_ACCERR',
  'SIGSEGV 4': 'SEGV_PKUERR',
  'SIGSEGV 128': 'SI_KERNEL',
  'SIGBUS 2': 'BUS_ADRERR',
};
const PAGE_FAULT = 14;

/** Decodes the output of one run of the guest; `sequences` are those of its script, in order. */
export function decodeReport(
  arch: Arch,
  sequences: readonly { readonly id: number; readonly ops: Sequence }[],
  output: Uint8Array,
): SequenceReport[] {
  const byId = new Map(sequences.map(({ id, ops }) => [id, ops]));
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  const reports: SequenceReport[] = [];
  let regions: Regions | undefined;
  let ops: Sequence = [];
  let id = -1;
  let entries: Entry[] = [];
  for (let at = 0; at + RECORD_LENGTH <= output.length; ) {
    const record = readRecord(view, at);
    at += RECORD_LENGTH;
    if (record.kind === RECORD_BEGIN) {
      id = Number(record.result);
      ops = byId.get(id) ?? [];
      entries = [];
      regions = { arch, window: PLACES[arch].window, hole: record.address, brk: record.value };
    } else if (record.kind === RECORD_END) {
      reports.push({ id, entries, end: endText(Number(record.result)) });
    } else if (regions === undefined) {
      throw new Error('the guest wrote a record before the first sequence');
    } else if (record.kind === OP.DUMP) {
      const length = Number(record.result);
      const text = new TextDecoder().decode(output.subarray(at, at + length));
      at += length;
      for (const line of memoryLines(text, regions))
        entries.push({ index: record.index, text: line });
    } else {
      const op = ops[record.index];
      entries.push({ index: record.index, text: op ? recordText(op, record, regions) : 'stray' });
    }
  }
  return reports;
}

interface GuestRecord {
  readonly kind: number;
  readonly index: number;
  readonly result: bigint;
  readonly address: bigint;
  readonly value: bigint;
}

function readRecord(view: DataView, at: number): GuestRecord {
  return {
    kind: view.getUint32(at, true),
    index: view.getUint32(at + 4, true),
    result: view.getBigUint64(at + 8, true),
    address: view.getBigUint64(at + 16, true),
    value: view.getBigUint64(at + 24, true),
  };
}

function endText(status: number): string {
  if (status === 0) return 'done';
  return status & 0x7f ? `killed by signal ${status & 0x7f}` : `exit status ${status >> 8}`;
}

function recordText(op: Op, record: GuestRecord, regions: Regions): string {
  if (op.kind === 'fork') return `= ${statusText(record.result, regions)}`;
  if (op.kind === 'call') return callText(op, record, regions);
  return touchText(op, record, regions);
}

function statusText(result: bigint, { arch }: Regions): string {
  const errno = errnoOf(result, arch);
  return errno === undefined ? endText(Number(result)) : `-1 ${errno}`;
}

function errnoOf(result: bigint, arch: Arch): string | undefined {
  const bits = arch === 'i386' ? 32 : 64;
  const signed = BigInt.asIntN(bits, result);
  if (signed >= 0n || signed < -4095n) return undefined;
  return ERRNO_NAMES.get(Number(-signed)) ?? `errno ${-signed}`;
}

function callText(op: CallOp, record: GuestRecord, regions: Regions): string {
  const errno = errnoOf(record.result, regions.arch);
  const captures = op.args.some(
    ({ base, offset }) => base === BASE.SCRATCH && offset === BigInt(CAPTURE),
  );
  const captured = captures ? ` captured ${hex(record.value)}` : '';
  if (errno !== undefined) return `= -1 ${errno}${captured}`;
  if (op.name === 'shmget') return '= an identifier';
  const anywhere = givesAddress(op) && isLow32(op);
  const place = place32(anywhere, record.result, regions);
  return `= ${givesAddress(op) ? place : hex(record.result)}${captured}`;
}

function place32(anywhere: boolean, result: bigint, regions: Regions): string {
  const text = placeText(result, regions);
  return anywhere && !text.startsWith('W') ? 'elsewhere' : text;
}

function givesAddress({ name }: CallOp): boolean {
  return ['mmap', 'mmap2', 'mremap', 'brk', 'shmat'].includes(name);
}

/** MAP_32BIT starts its search at an address that is random in each call. */
function isLow32({ name, args }: CallOp): boolean {
  return name === 'mmap' && ((args[3]?.offset ?? 0n) & BigInt(MAP_32BIT)) !== 0n;
}

function touchText(op: Op, record: GuestRecord, regions: Regions): string {
  const word = record.result;
  const signal = Number(word & 0xffn);
  if (signal === 0) {
    const reads = op.kind === 'read' || op.kind === 'sweep';
    return reads ? hex(record.value) : 'done';
  }
  const name = SIGNALS.get(signal) ?? `signal ${signal}`;
  const code = Number((word >> 32n) & 0xffffffffn);
  const trap = Number((word >> 16n) & 0xffffn);
  const access = trap === PAGE_FAULT ? accessText(Number((word >> 8n) & 0xffn)) : `trap ${trap}`;
  const codeName = CODES[`${name} ${code}`] ?? `code ${code}`;
  return `${name} ${codeName} ${access} at ${placeText(record.address, regions)}`;
}

/** Of the page-fault error code only what does not depend on which pages are present: bits 1 and 4. */
function accessText(error: number): string {
  if (error & 0x10) return 'fetch';
  return error & 2 ? 'write' : 'read';
}

const NEAR = 64n << 20n;

function placeText(address: bigint, { arch, window, hole, brk }: Regions): string {
  if (address >= window && address < window + NEAR) return `W+${hex(address - window)}`;
  const reservation = hole - BigInt(HOLE_OFFSET);
  if (address >= reservation - 4n * NEAR && address < reservation + (34n << 20n)) {
    return address >= hole ? `H+${hex(address - hole)}` : `H-${hex(hole - address)}`;
  }
  if (address >= brk - 0x10000n && address < brk + NEAR / 4n) {
    return address >= brk ? `B+${hex(address - brk)}` : `B-${hex(brk - address)}`;
  }
  const extreme = address < 0x10000n || address >= PLACES[arch].taskSize - 0x1000n;
  return extreme ? hex(address) : 'elsewhere';
}

function hex(number: bigint): string {
  return `0x${number.toString(16)}`;
}
