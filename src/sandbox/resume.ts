/** What `Sandbox.resume` accepts, and the checks that turn a host's mistake into one clear sentence. */
import type { Addr, Arch } from '../base/address.js';
import { wrongArgument } from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import type { RunRequest, Watchpoint } from '../kernel/run-control.js';
import { integer, toWord } from './options.js';

export interface WatchpointOption {
  readonly address: number | bigint;
  /** Bytes; default 1. */
  readonly length?: number | undefined;
  /** Default 'write'. */
  readonly access?: Watchpoint['access'] | undefined;
}

export interface ResumeOptions {
  /** Blocks at most, from 1: `limits.blocks` in small. What a call costs in blocks counts too. */
  readonly blocks?: number | undefined;
  /** Instructions at most, from 1. Each round of a repeated string instruction is one. */
  readonly instructions?: number | undefined;
  /** Pauses before the instruction at one of these, but not at the one that it goes on with. */
  readonly breakpoints?: readonly (number | bigint)[] | undefined;
  /** Pauses after an instruction of the program that touched these bytes (its kernel's uses do not count). */
  readonly watchpoints?: readonly WatchpointOption[] | undefined;
  /** One more breakpoint, with a reason of its own. */
  readonly until?: number | bigint | undefined;
}

const OPTIONS: OptionNames<ResumeOptions> = {
  blocks: true,
  instructions: true,
  breakpoints: true,
  watchpoints: true,
  until: true,
};
const WATCHPOINT: OptionNames<WatchpointOption> = { address: true, length: true, access: true };
const ACCESSES: readonly Watchpoint['access'][] = ['read', 'write', 'any'];
const MOST = 2 ** 52;
const LONGEST_WATCH = 1 << 20;

export function checkResume(options: ResumeOptions, arch: Arch): RunRequest {
  checkOptionNames('resume', options, OPTIONS);
  const { blocks, instructions, breakpoints, watchpoints, until } = options;
  return {
    ...(blocks === undefined ? {} : { blocks: integer('resume: blocks', blocks, 1, MOST) }),
    ...(instructions === undefined
      ? {}
      : { instructions: integer('resume: instructions', instructions, 1, MOST) }),
    ...(until === undefined ? {} : { until: address('resume: until', until, arch) }),
    breakpoints: listOf('breakpoints', breakpoints).map((value, index) =>
      address(`resume: breakpoint ${index + 1}`, value, arch),
    ),
    watchpoints: listOf('watchpoints', watchpoints).map((value, index) =>
      watchpoint(`resume: watchpoint ${index + 1}`, value, arch),
    ),
  };
}

function listOf<T>(name: string, values: readonly T[] | undefined): readonly T[] {
  if (values === undefined || Array.isArray(values)) return values ?? [];
  throw wrongArgument(`resume: ${name}`, values, 'a list');
}

function watchpoint(what: string, given: WatchpointOption, arch: Arch): Watchpoint {
  checkOptionNames(what, given, WATCHPOINT);
  const { length = 1, access = 'write' } = given;
  if (!ACCESSES.includes(access)) {
    throw new MayexecError(`${what}: ${unknownValue('access', access, ACCESSES).message}`);
  }
  const start = address(what, given.address, arch);
  const count = integer(`${what}: length`, length, 1, LONGEST_WATCH);
  const bits = arch === 'i386' ? 32n : 64n;
  if (start + BigInt(count) > 1n << bits) {
    throw new MayexecError(
      `${what} is ${count} bytes from 0x${start.toString(16)}: expected an end within ${bits} bits`,
    );
  }
  return { address: start, length: count, access };
}

function address(what: string, value: number | bigint, arch: Arch): Addr {
  const word = toWord(what, value);
  if (value < 0) {
    throw new MayexecError(`${what} is ${value}: expected an address, which is not negative`);
  }
  if (arch === 'i386' && word >= 1n << 32n) {
    throw new MayexecError(
      `${what} is 0x${word.toString(16)}: expected an address of at most 32 bits`,
    );
  }
  return word;
}
