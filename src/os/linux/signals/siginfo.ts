/** What a signal tells: siginfo_t and its memory layout. Compare include/uapi/asm-generic/siginfo.h. */

import { SI_CODE, siCodeName, signalName, signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { Struct } from '../../../base/struct.js';

export interface SignalInfo {
  readonly signal: number;
  readonly code: number;
  /** What the union holds. */
  readonly detail:
    | { readonly kind: 'fault'; readonly address: Addr; readonly pkey?: number }
    | { readonly kind: 'sender'; readonly pid: number; readonly uid: number }
    /** SIGCHLD: the exit status, or the signal that ended it. The virtual clock counts no time of its own. */
    | {
        readonly kind: 'child';
        readonly pid: number;
        readonly uid: number;
        readonly status: number;
      };
}

export function faultInfo(signal: number, code: number, address: Addr, pkey?: number): SignalInfo {
  const detail = { kind: 'fault', address } as const;
  return { signal, code, detail: pkey === undefined ? detail : { ...detail, pkey } };
}

export function senderInfo(signal: number, code: number, pid: number, uid: number): SignalInfo {
  return { signal, code, detail: { kind: 'sender', pid, uid } };
}

export function childInfo(code: number, pid: number, uid: number, status: number): SignalInfo {
  return { signal: signalNumber('SIGCHLD'), code, detail: { kind: 'child', pid, uid, status } };
}

/** force_sig(): from the kernel, about nothing in particular. */
export function kernelInfo(signal: number): SignalInfo {
  return senderInfo(signal, SI_CODE.SI_KERNEL, 0, 0);
}

export function nameOf(signal: number): string {
  return signalName(signal) ?? String(signal);
}

/** 'SEGV_ACCERR', 'SI_KERNEL'; the number when it has no name. */
export function codeName({ signal, code }: SignalInfo): string {
  return siCodeName(nameOf(signal), code) ?? String(code);
}

export function addressOf({ detail }: SignalInfo): Addr {
  return detail.kind === 'fault' ? detail.address : 0n;
}

const SIGINFO_SIZE = 128;

/** The 128 bytes; the union starts at the alignment of a pointer. */
export function encodeSiginfo(info: SignalInfo, word: 4 | 8): Uint8Array {
  const union = word === 8 ? 16 : 12;
  const struct = new Struct(SIGINFO_SIZE).setU32(0, info.signal).setU32(8, info.code);
  const { detail } = info;
  if (detail.kind !== 'fault') {
    struct.setU32(union, detail.pid).setU32(union + 4, detail.uid);
    if (detail.kind === 'child') struct.setU32(union + 8, detail.status);
  } else {
    struct.setWord(union, word, detail.address);
    if (detail.pkey !== undefined) struct.setU32(union + 2 * word, detail.pkey);
  }
  return struct.bytes;
}
