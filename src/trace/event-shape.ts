/** The shapes of events, as printers and folds read them: a trace may come from anywhere. */
import { ERRNO } from '../abi/linux/errno.js';
import { FAULT, OUTCOME } from '../base/outcome-shape.js';
import {
  aBigint,
  aNumber,
  aText,
  checkShape,
  kindsOf,
  listOf,
  objectOf,
  oneOf,
  optional,
  type Shape,
} from '../base/shape.js';
import type { TraceEvent } from './events.js';

const FROM = "an event of a sandbox's trace";
const ERRNO_NAME = oneOf(Object.keys(ERRNO));

const CAUSE = optional(
  objectOf({
    kind: oneOf(['denied', 'killed', 'taken', 'narrowed', 'noted']),
    policy: aText,
    rule: aText,
    reason: aText,
  }),
);
const MAPPING = optional(objectOf({ start: aBigint, end: aBigint, name: aText, rights: aNumber }));
const ASKS = optional(objectOf({ rights: aNumber }));
const INJECTED = optional(oneOf(['result', 'args']));
const SENDER = optional(objectOf({ pid: aNumber, uid: aNumber, status: optional(aNumber) }));

const FIELDS: Readonly<Record<TraceEvent['type'], Readonly<Record<string, Shape>>>> = {
  syscall: {
    name: aText,
    args: listOf(aBigint),
    shown: listOf(aText),
    value: optional(aBigint),
    errno: optional(ERRNO_NAME),
    asks: ASKS,
    injected: INJECTED,
    cause: CAUSE,
  },
  api: {
    name: aText,
    shown: listOf(aText),
    value: aBigint,
    error: optional(aNumber),
    status: optional(aNumber),
    asks: ASKS,
    injected: INJECTED,
    cause: CAUSE,
  },
  verdict: {
    policy: aText,
    hook: aText,
    verdict: objectOf({ kind: oneOf(['allow', 'narrow', 'deny', 'kill']), rule: optional(aText) }),
    call: optional(aText),
  },
  vma: { before: MAPPING, after: MAPPING, cause: aText, takenBy: CAUSE },
  fault: { fault: FAULT, vma: MAPPING, cause: CAUSE },
  signal: { signal: aText, code: aText, address: aBigint, sender: SENDER },
  'load-failure': { path: aText, what: aText, errno: ERRNO_NAME, cause: CAUSE },
  end: { outcome: OUTCOME },
};

const SHAPES: Readonly<Record<string, Shape>> = Object.fromEntries(
  Object.entries(FIELDS).map(([type, fields]) => [type, objectOf(fields, FROM)]),
);
const EVENT = kindsOf('type', SHAPES, FROM);

export const EVENTS: Shape = listOf(EVENT, 'what sandbox.trace gives');

/** @throws MayexecError for what is no event. @param types Those that are wanted; any without them. */
export function checkEvent(door: string, event: unknown, ...types: TraceEvent['type'][]): void {
  const wanted = Object.fromEntries(types.map((type) => [type, SHAPES[type]!]));
  const shape = types.length === 0 ? EVENT : kindsOf('type', wanted, FROM);
  checkShape(`${door}: the event`, event, shape);
}

/** @throws MayexecError for what is no trace. */
export function checkEvents(door: string, events: unknown): void {
  checkShape(`${door}: the events`, events, EVENTS);
}

/** The process of a part of a trace, which may be left out. */
export function checkProcess(door: string, pid: unknown): void {
  checkShape(`${door}: the process`, pid, optional(aNumber));
}
