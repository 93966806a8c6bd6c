/**
 * Has the translator compiled once and for all (see tiering.ts). A function is compiled at its first call; so the
 * translator is called, on one instruction across two pages, and the host is told when it asks for the second page: nothing
 * but the translator was called in between for the first time.
 */
import type { Arch } from '../../base/address.js';
import { HW_EXEC } from '../engine.js';
import type { Tiering } from '../tiering.js';
import { VECTOR_PF } from './api.js';
import type { Machine, MachineClient } from './machine.js';
import { CPU, ENV } from './offsets.js';
import type { Ram } from './ram.js';
import { SoftTlb } from './tlb.js';

const PAGE = 4096;
/** The first byte of `mov eax, imm32` is the last of the first page. */
const PLACE = BigInt(2 * PAGE - 1);
const MOV_EAX = 0xb8;
const UNTIL: Readonly<Record<Arch, bigint>> = {
  'x86-64': 0xffff_ffff_ffff_fff0n,
  i386: 0xffff_fff0n,
};

/** The machine has been booted, and no guest has used it. */
export function settleTranslator(machine: Machine, ram: Ram, tiering: Tiering): void {
  const { heap, cpu, env } = machine;
  const tlb = new SoftTlb(machine);
  const pointer = ram.pointers[1] ?? 0;
  const first = heap.bytes.slice(pointer, pointer + PAGE);
  heap.bytes[pointer + PAGE - 1] = MOV_EAX;
  let known = false;
  const miss = (lo: number, hi: number, _access: number, mode: number): number => {
    if (known && lo < 2 * PAGE) {
      tlb.fill(mode, lo, hi, pointer, ram.ramAddresses[1] ?? 0, HW_EXEC);
      return 0;
    }
    tiering.release();
    heap.writeU32(cpu + CPU.EXCEPTION_INDEX, VECTOR_PF);
    heap.writeU32(env + ENV.ERROR_CODE, 0);
    return 1;
  };
  machine.client = { ...NOBODY, miss };
  try {
    // Refused at once: what leads to the translator is called.
    run(machine);
    known = true;
    tiering.hold();
    run(machine);
  } finally {
    tiering.release();
    machine.client = undefined;
    tlb.flushAll();
    machine.flushCode();
    heap.bytes.set(first, pointer);
  }
}

function run(machine: Machine): void {
  machine.heap.writeU32(machine.env + ENV.OLD_EXCEPTION, 0xffff_ffff);
  machine.blocksLeft = 1;
  machine.start(PLACE, UNTIL[machine.arch]);
}

const NOBODY: Omit<MachineClient, 'miss'> = {
  pageEndStore: () => {},
  stored: () => 0,
  translated: () => {},
  instruction: () => {},
  access: () => {},
  systemCall: () => {},
  decode: () => 0,
  carry: () => 0,
};
