/**
 * What a failed check shows: the sentence, the listing with the diverging instruction marked, the registers
 * that differ before and after, and what the policy decided. Never a hexdump.
 */

import { statusName } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { checkText } from '../../base/arguments.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { otherEndText } from '../../base/outcome.js';
import { aBigint, checkShape, optional } from '../../base/shape.js';
import { missingExtension } from '../../sandbox/missing-extension.js';
import { formatListing } from '../../toolchain/disassembly/listing.js';
import type { FaultEvent } from '../../trace/events.js';
import { straceLine } from '../../trace/print.js';
import { causeOf, faultLine, firstRefusal, ruleOfFault } from '../../trace/print-cause.js';
import { flagsText } from '../abi/machine-state.js';
import { GUARD_FAILURES } from '../bed/linked-code.js';
import type { CallResult } from '../run/call-result.js';
import type { CallOutcome } from '../run/outcome-text.js';
import { checkResult } from '../run/result-shape.js';
import { placeAt } from './buffer-place.js';
import { argumentsText, bufferLines } from './call-text.js';
import { instructionsOf } from './code-listing.js';
import { lastPlace } from './last-writer.js';
import { strayJump } from './stray-jump.js';
import { valueText } from './value-text.js';

/** Instructions of a long code that are shown before the mark, and after it. */
const AROUND = [12, 6] as const;
/** Code up to this many instructions is shown whole. */
const WHOLE = 24;
/** Of the stack around the stack pointer that is searched for a return address that was missed. */
const SEARCHED = 128;

export interface FailureOptions {
  /** The instruction to mark; default where the call ended, as far as that is in the code. */
  readonly mark?: Addr | undefined;
}

const OPTIONS: OptionNames<FailureOptions> = { mark: true };

/** Sections that fit on the line of their name. */
const SHORT: readonly string[] = ['arguments', 'jump', 'cpu', 'flags', 'buffers', 'policy'];

/** `headline`, then everything that may explain it, indented. */
export function failureText(
  result: CallResult,
  headline: string,
  options: FailureOptions = {},
): string {
  checkResult('failureText', result);
  checkText('failureText: the headline', headline);
  checkOptionNames('failureText', options, OPTIONS);
  checkShape('failureText: the mark', options.mark, optional(aBigint));
  const marked = options.mark ?? lastPlace(result);
  const { args } = result.facts;
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['arguments', args.length === 0 ? [] : [argumentsText(args)]],
    ['code', listingAround(result, marked)],
    ['jump', [strayJump(result) ?? []].flat()],
    ['cpu', [missingOf(result) ?? []].flat()],
    ['registers', registerLines(result)],
    ['flags', flagLines(result)],
    ['buffers', bufferLines(result)],
    ['policy', policyLines(result)],
  ];
  const body = sections
    .filter(([, lines]) => lines.length > 0)
    .flatMap(([name, lines]) =>
      lines.length === 1 && SHORT.includes(name)
        ? [`  ${name.padEnd(9)} ${lines[0]?.trim()}`]
        : [`  ${name}`, ...lines.map((line) => `    ${line}`)],
    );
  return [headline, ...body].join('\n');
}

function listingAround({ facts }: CallResult, mark: Addr | undefined): string[] {
  const { code } = facts;
  const all = instructionsOf(code);
  const at = all.findIndex(({ address }) => address === mark);
  const [before, after] = AROUND;
  const from = all.length <= WHOLE ? 0 : Math.max(0, (at < 0 ? 0 : at) - before);
  const to = all.length <= WHOLE ? all.length : Math.max(at, 0) + after;
  const cut = all.slice(from, to);
  const lines = formatListing(cut, {
    symbols: code.symbols,
    ...(mark === undefined ? {} : { mark }),
  });
  return [...(from > 0 ? ['   ...'] : []), ...lines, ...(to < all.length ? ['   ...'] : [])];
}

/** What the CPU lacks of the instruction that it died at. */
function missingOf({ outcome, facts }: CallResult): string | undefined {
  if (outcome.kind !== 'signal' || outcome.signal !== 'SIGILL') return undefined;
  const { pc } = outcome;
  const { arch, parts } = facts.code;
  const part = parts.find(
    ({ address, bytes }) => address <= pc && pc < address + BigInt(bytes.length),
  );
  return part && missingExtension(part.bytes.subarray(Number(pc - part.address)), arch);
}

function registerLines({ before, after, facts }: CallResult): string[] {
  const { word } = facts.convention;
  const digits = word * 2;
  // A stack pointer that is right says nothing.
  const stackAtReturn = facts.returnSlot + BigInt(word + facts.plan.popped);
  return Object.keys(before)
    .filter((name) => before[name] !== after[name] && !/^(eflags|rip|eip|fpsw)$/.test(name))
    .filter((name) => !/^[re]sp$/.test(name) || after[name] !== stackAtReturn)
    .map((name) => {
      const width = name.startsWith('xmm') ? 32 : digits;
      const text = (value: bigint | undefined): string =>
        (value ?? 0n).toString(16).padStart(width, '0');
      return `${name.padEnd(6)} ${text(before[name])} -> ${text(after[name])}`;
    });
}

function flagLines({ before, after }: CallResult): string[] {
  const [was, is] = [flagsText(before.eflags ?? 0n), flagsText(after.eflags ?? 0n)];
  return was === is ? [] : [`${was} -> ${is}`];
}

function policyLines({ trace, facts }: CallResult): string[] {
  const refusal = firstRefusal(trace);
  const rule = ruleOfFault(trace);
  if (refusal === undefined) {
    return [`${facts.policy}; it refused no call`, ...(rule === undefined ? [] : [rule])];
  }
  const line = refusal.call === undefined ? undefined : straceLine(refusal.call);
  return [
    `${facts.policy}: ${refusal.sentence}`,
    ...(line === undefined ? [] : [line.replace(/ +=/, ' =')]),
  ];
}

/** `it returned 4`, `it was killed by SIGSEGV: a load from 0x..., where nothing is mapped`. */
export function outcomeText(result: CallResult): string {
  checkResult('outcomeText', result);
  const { outcome } = result;
  switch (outcome.kind) {
    case 'return':
      return `it returned ${outcome.value === undefined ? '' : valueText(outcome.value)}`.trim();
    case 'exit':
      return `it ended the process with status ${outcome.code}`;
    case 'limit':
      return outcome.limit === 'memory'
        ? 'it used up the memory of the kit (Kit.open({ memory }) sets it)'
        : 'it did not return: it still ran when its budget of blocks was used up (limits: { blocks } sets it)';
    case 'refused':
      return `the policy refused its placement: ${outcome.call} failed with ${outcome.errno ?? outcome.error}`;
    case 'stray':
      return `it jumped to 0x${outcome.address.toString(16)}, ${outcome.reason}`;
    case 'exception':
      return raisedText(result, outcome);
    case 'signal':
      return killedText(result, outcome);
    default:
      return `it did not return: ${otherEndText(outcome)}`;
  }
}

/** `it raised STATUS_ACCESS_VIOLATION: a store to 0x... in heap, which is PAGE_READONLY`. */
function raisedText(result: CallResult, { status }: CallOutcome & { kind: 'exception' }): string {
  const event = result.trace.findLast((each) => each.type === 'fault');
  const why = event?.type === 'fault' ? `: ${faultedAt(result, event)}` : '';
  return `it raised ${statusName(status)} (0x${status.toString(16)})${why}`;
}

function killedText(result: CallResult, outcome: CallOutcome & { kind: 'signal' }): string {
  const { signal, code } = outcome;
  const event = result.trace.findLast((each) => each.type === 'fault');
  const missed = outcome.access === 'exec' ? missedReturn(result) : undefined;
  if (missed !== undefined) return missed;
  if (signal === 'SIGABRT' && guardFailure(result)) {
    return 'its stack protector found the guard of a frame overwritten (SIGABRT)';
  }
  const what =
    event?.type === 'fault' && outcome.access !== undefined
      ? faultedAt(result, event)
      : (causeOf(result.trace) ?? `at 0x${outcome.pc.toString(16)}`);
  return `it was killed by ${signal} (${code}): ${what}`;
}

/** A fault, with the buffer that the address is near. */
function faultedAt({ facts }: CallResult, event: FaultEvent): string {
  const place = placeAt(facts.buffers, event.fault.address);
  return place === undefined ? faultLine(event) : `${faultLine(event)}: ${place}`;
}

/** Did it come by what compilers call for that? */
function guardFailure(result: CallResult): boolean {
  const { symbols } = result.facts.code;
  const { counts } = result.watched();
  return GUARD_FAILURES.some((name) => counts.has(symbols.get(name) ?? -1n));
}

/** A ret with a wrong stack pointer goes anywhere; the right return address is still nearby. */
function missedReturn(result: CallResult): string | undefined {
  const { facts, after, outcome } = result;
  const { path, decoded } = result.watched();
  const last = decoded.get(path.at(-1) ?? 0n);
  if (!last?.isRet || outcome.kind !== 'signal') return undefined;
  const { word, arch } = facts.convention;
  const target = `0x${outcome.pc.toString(16)}`;
  const sp = after[arch === 'x86-64' ? 'rsp' : 'esp'] ?? 0n;
  const off = sp - BigInt(word) - facts.returnSlot;
  if (off === 0n) return `its return address was overwritten with ${target}`;
  if (off > SEARCHED || off < -SEARCHED) return undefined;
  const side = off < 0n ? `${-off} bytes below` : `${off} bytes above`;
  return `it returned with a wrong stack: its ret took ${target} from ${side} its return address`;
}
