/** The shapes of what calls give, as checks and texts read them. */
import {
  aBigint,
  aFunction,
  aMap,
  aText,
  bytes,
  checkShape,
  listOf,
  objectOf,
  type Shape,
  satisfies,
} from '../../base/shape.js';

const PART = objectOf({ address: aBigint, bytes });

export const CODE: Shape = objectOf(
  {
    kind: satisfies('a loaded code', (kind) => kind === 'code'),
    arch: aText,
    parts: listOf(PART),
    symbols: aMap,
  },
  'what loadCode gives',
);

const RESULT = objectOf(
  {
    facts: objectOf({ code: CODE, trace: listOf(objectOf({})), call: aFunction, rerun: aFunction }),
    watched: aFunction,
  },
  'what call() gives',
);

/** Told whole: what is missing in something else helps nobody. */
const A_RESULT = satisfies('what call() gives', (value) => RESULT(value) === undefined);

/** @throws MayexecError for what no call gave. */
export function checkResult(door: string, result: unknown): void {
  checkShape(`${door}: the result`, result, A_RESULT);
}

/** @throws MayexecError for what is no loaded code. */
export function checkCode(door: string, code: unknown): void {
  checkShape(`${door}: the code`, code, CODE);
}
