/**
 * The doors of the kit outside a kit: engine, assembler and disassembler are loaded at first use and kept; after
 * that everything is synchronous. `openCalls` loads them and gives the synchronous functions; each function of
 * this file does both.
 */
import type { Arch } from '../base/address.js';
import type { PolicyChoice } from '../sandbox/options.js';
import { Sandbox } from '../sandbox/sandbox.js';
import type { GuestOs } from '../sandbox/worlds.js';
import { prepareDisassembler } from '../toolchain/disassembly/disassembler.js';
import { loadKeystone } from '../toolchain/encode/keystone/keystone.js';
import * as code from './bed/code.js';
import * as exploring from './inputs/explore.js';
import * as pool from './pool.js';

type SyncCall = typeof pool.call;

/** Synchronous: there is nothing to await. See the functions of the same names. */
export interface Calls {
  readonly call: SyncCall;
  readonly explore: typeof exploring.explore;
  readonly disagreement: typeof exploring.disagreement;
  readonly loadCode: typeof code.loadCode;
  readonly kitFor: typeof pool.kitFor;
}

const calls: Calls = {
  call: pool.call,
  explore: exploring.explore,
  disagreement: exploring.disagreement,
  loadCode: code.loadCode,
  kitFor: pool.kitFor,
};

/** Loads what calls need, once, and gives the functions that then are synchronous. */
export async function openCalls(): Promise<Calls> {
  // The disassembler is only made ready: most tests never need it, and then it opens at once.
  await Promise.all([Sandbox.load(), loadKeystone(), prepareDisassembler()]);
  return calls;
}

/** As `Calls.call`, with everything loaded first. */
export async function call(...given: Parameters<Calls['call']>): Promise<ReturnType<SyncCall>> {
  return (await openCalls()).call(...given);
}

/** As `Calls.explore`, with everything loaded first. */
export async function explore(
  ...given: Parameters<Calls['explore']>
): Promise<ReturnType<Calls['explore']>> {
  return (await openCalls()).explore(...given);
}

/** As `Calls.disagreement`, with everything loaded first. */
export async function disagreement(
  ...given: Parameters<Calls['disagreement']>
): Promise<ReturnType<Calls['disagreement']>> {
  return (await openCalls()).disagreement(...given);
}

/** As `Calls.loadCode`, with everything loaded first. */
export async function loadCode(...given: Parameters<Calls['loadCode']>): Promise<code.Code> {
  return (await openCalls()).loadCode(...given);
}

/** As `Calls.kitFor`, with everything loaded first. */
export async function kitFor(
  arch: Arch,
  policy?: PolicyChoice,
  os?: GuestOs,
): Promise<ReturnType<Calls['kitFor']>> {
  return (await openCalls()).kitFor(arch, policy, os);
}
