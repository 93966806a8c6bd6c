/**
 * Generated arguments: half of them edge values, half random, from one seed; and simpler ones in place of a
 * set that shows a fault, until no simpler one does.
 */
import type { OptionNames } from '../../base/options.js';
import { Random } from '../../base/random.js';
import type { ValueType } from '../abi/value-type.js';
import type { Argument } from '../run/arguments.js';
import { edgeFloats, edgeIntegers } from './edge-values.js';

/** What a pointer gets when nothing else is said. */
const BUFFER_BYTES = 64;
/** Attempts to simplify. */
const SHRINKS = 400;

export type ArgumentSource = (random: Random) => readonly Argument[];

export interface InputOptions {
  /** Sets of arguments to try; default 100. */
  readonly runs?: number | undefined;
  /** Default 1: the same seed, the same arguments. */
  readonly seed?: number | undefined;
  /** Makes a set of arguments, where types alone do not say what is allowed. */
  readonly arguments?: ArgumentSource | undefined;
  /** False for arguments that the code need not accept: they are not tried, nor simplified to. */
  readonly allows?: ((args: readonly Argument[]) => boolean) | undefined;
}

export const INPUT_OPTIONS: OptionNames<InputOptions> = {
  runs: true,
  seed: true,
  arguments: true,
  allows: true,
};

/** Sets of arguments of these types. */
export function* inputsFor(
  types: readonly ValueType[],
  { runs = 100, seed = 1, arguments: make, allows = () => true }: InputOptions = {},
): Generator<readonly Argument[]> {
  const random = new Random(seed);
  for (let run = 0; run < runs; run++) {
    const args = make === undefined ? types.map((type) => generated(type, random)) : make(random);
    if (allows(args)) yield args;
  }
}

function generated(type: ValueType, random: Random): Argument {
  const edge = random.below(2) === 0;
  switch (type.kind) {
    case 'int': {
      const bits = type.size * 8;
      return edge ? pick(edgeIntegers(bits), random) : BigInt.asIntN(bits, random.bits(bits));
    }
    case 'float':
      return edge ? pick(edgeFloats(type.size), random) : randomFloat(type.size, random);
    case 'pointer': {
      const fill = pick([0, 0xff, 0x80, undefined], random);
      return Uint8Array.from({ length: BUFFER_BYTES }, () => fill ?? random.below(256));
    }
    case 'vector': {
      const lanes = edge ? edgeIntegers(32) : undefined;
      return Int32Array.from({ length: 4 }, () =>
        lanes === undefined ? random.next32() | 0 : Number(pick(lanes, random)),
      );
    }
    case 'struct':
      return type.fields.map((field) => generated(field.type, random));
    default:
      return 0;
  }
}

/** Any bit pattern: every NaN and denormal can come. */
function randomFloat(size: 4 | 8, random: Random): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, random.bits(64));
  return size === 8 ? view.getFloat64(0) : view.getFloat32(0);
}

function pick<T>(values: readonly T[], random: Random): T {
  return values[random.below(values.length)]!;
}

/** The simplest set found, by steps that each keep `fails` true. */
export function shrink(
  args: readonly Argument[],
  fails: (args: readonly Argument[]) => boolean,
): readonly Argument[] {
  let best = args;
  let left = SHRINKS;
  for (let progress = true; progress && left > 0; ) {
    progress = false;
    for (const [index, value] of best.entries()) {
      for (const simpler of simplerThan(value)) {
        if (left-- <= 0) return best;
        const candidate = best.with(index, simpler);
        if (!fails(candidate)) continue;
        best = candidate;
        progress = true;
        break;
      }
    }
  }
  return best;
}

/** Nearest to nothing first; each is strictly simpler, so that shrinking ends. */
function simplerThan(value: Argument): Argument[] {
  if (typeof value === 'bigint' || Number.isInteger(value)) {
    const whole = BigInt(value as number | bigint);
    if (whole === 0n) return [];
    const magnitude = whole < 0n ? -whole : whole;
    const closer = [0n, magnitude / 2n, magnitude - magnitude / 8n, magnitude - 1n];
    const signed = whole < 0n ? closer.map((each) => -each) : closer;
    const distinct = [...new Set(signed)].filter((each) => each !== whole);
    return typeof value === 'bigint' ? distinct : distinct.map(Number);
  }
  if (typeof value === 'number') {
    return [0, 1, Math.trunc(value)].filter(
      (each) => Number.isFinite(each) && !Object.is(each, value),
    );
  }
  const isFilled = value instanceof Uint8Array && value.some((byte) => byte !== 0);
  return isFilled ? [new Uint8Array(value.length)] : [];
}
