/** Looks for inputs: those at which code does not return, and those at which two codes disagree. */

import { checkRecord } from '../../base/arguments.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { conventionOf, defaultAbi } from '../abi/convention.js';
import { parseSignature } from '../abi/signature.js';
import { type CodeSource, loadCode } from '../bed/code.js';
import { kitFor, OPEN_CALL_OPTIONS, type OpenCallOptions } from '../pool.js';
import type { Argument } from '../run/arguments.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';
import { outcomeText } from '../watch/failure.js';
import { valueText } from '../watch/value-text.js';
import { INPUT_OPTIONS, type InputOptions, inputsFor, shrink } from './inputs.js';
import { sameValue } from './same-value.js';

export interface ExploreOptions extends InputOptions, OpenCallOptions {
  /** Types of the arguments: 'i32(i32, ptr)'. */
  readonly signature: string;
}

const OPTIONS: OptionNames<ExploreOptions> = { ...INPUT_OPTIONS, ...OPEN_CALL_OPTIONS };

/** The simplest arguments found, and what they do. */
export interface Found {
  readonly args: readonly Argument[];
  readonly result: CallResult;
}

/**
 * Calls code with generated arguments until it does not return (a fault, another signal, a run without
 * end), and simplifies those. Undefined when it always returned.
 */
export function explore(source: CodeSource, given: ExploreOptions): Found | undefined {
  checkRecord('the options of explore', given, "an object such as { signature: 'i32(i32)' }");
  checkOptionNames('explore', given, OPTIONS);
  const { runs, seed, arguments: make, allows = () => true, arch, os, policy, ...options } = given;
  const byAbi = options.abi === undefined ? undefined : conventionOf(options.abi).arch;
  const code = loadCode(source, arch ?? byAbi ?? 'x86-64');
  const kit = kitFor(code.arch, policy, os);
  const { model } = conventionOf(options.abi ?? defaultAbi(code.arch, kit.os));
  const { parameters } = parseSignature(options.signature, model);
  const fails = (args: readonly Argument[]): boolean =>
    kit.call(code, args, options).outcome.kind !== 'return';
  for (const args of inputsFor(parameters, { runs, seed, arguments: make, allows })) {
    if (!fails(args)) continue;
    const simplest = shrink(args, (simpler) => allows(simpler) && fails(simpler));
    return { args: simplest, result: kit.call(code, simplest, options) };
  }
  return undefined;
}

export interface Disagreement {
  readonly args: readonly Argument[];
  readonly one: CallResult;
  readonly other: CallResult;
  /** What differs, in words. */
  readonly difference: string;
}

/**
 * Calls another code as the first was called, with the same arguments and then with generated ones of the
 * same types; value, end and buffers must agree. Undefined when they always do.
 */
export function disagreement(
  first: CallResult,
  source: CodeSource,
  options: InputOptions = {},
): Disagreement | undefined {
  checkResult('disagreement', first);
  checkOptionNames('disagreement', options, INPUT_OPTIONS);
  const { code, plan, args, call } = first.facts;
  const other = loadCode(source, code.arch);
  const types = plan.args.map(({ type }) => type);
  const compare = (given: readonly Argument[]): Disagreement | undefined => {
    const [one, two] = [call(given), call(given, other)];
    const difference = differenceOf(one, two);
    return difference === undefined ? undefined : { args: given, one, other: two, difference };
  };
  const inputs = types.length === 0 ? [args] : [args, ...inputsFor(types, options)];
  for (const given of inputs) {
    const found = compare(given);
    if (found === undefined) continue;
    const { allows = () => true } = options;
    const simplest = shrink(given, (simpler) => allows(simpler) && compare(simpler) !== undefined);
    return compare(simplest) ?? found;
  }
  return undefined;
}

function differenceOf(one: CallResult, two: CallResult): string | undefined {
  const [a, b] = [one.outcome, two.outcome];
  if (a.kind === 'return' && b.kind === 'return') {
    if (!sameValue(one.facts.plan.result.type, a.value, b.value)) {
      return `it returned ${valueText(a.value)} and the other ${valueText(b.value)}`;
    }
  } else if (a.kind !== b.kind || JSON.stringify(endOf(one)) !== JSON.stringify(endOf(two))) {
    return `${outcomeText(one)}, of the other ${outcomeText(two)}`;
  }
  for (const { name } of one.facts.buffers) {
    const [left, right] = [one.buffers[name], two.buffers[name]];
    const at = left?.findIndex((byte, index) => byte !== right?.[index]) ?? -1;
    if (at >= 0) {
      return `it left ${left?.[at]} in byte ${at} of buffer ${name} and the other ${right?.[at]}`;
    }
  }
  return undefined;
}

/** What of an end does not depend on where the code lies. */
function endOf({ outcome }: CallResult): unknown {
  switch (outcome.kind) {
    case 'signal':
      return [outcome.signal, outcome.code, outcome.access];
    case 'exit':
      return outcome.code;
    case 'limit':
      return outcome.limit;
    default:
      return outcome.kind;
  }
}
