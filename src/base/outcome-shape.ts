/** The shapes of ends and faults, as functions read them that are handed one. */
import {
  aBigint,
  aNumber,
  aText,
  kindsOf,
  listOf,
  objectOf,
  oneOf,
  optional,
  type Shape,
} from './shape.js';

const ACCESS = oneOf(['read', 'write', 'exec']);
const WAITING = objectOf({ waiting: listOf(objectOf({ pid: aNumber, call: aText })) });

export const FAULT: Shape = objectOf({
  address: aBigint,
  access: ACCESS,
  code: oneOf(['SEGV_MAPERR', 'SEGV_ACCERR', 'SEGV_PKUERR', 'BUS_ADRERR', 'SI_KERNEL']),
  pc: aBigint,
});

const OTHER_ENDS = {
  oops: objectOf({ message: aText, pc: aBigint }),
  halt: objectOf({ pc: aBigint }),
  'triple-fault': objectOf({ pc: aBigint }),
  stopped: objectOf({ signal: aText }),
  asleep: WAITING,
  deadlock: WAITING,
  limit: objectOf({ limit: oneOf(['blocks', 'memory']) }),
};

/** Those that otherEndText has words for. */
export const OTHER_END: Shape = kindsOf('kind', OTHER_ENDS, 'an end without a value');

export const OUTCOME: Shape = kindsOf(
  'kind',
  {
    return: objectOf({ value: aBigint }),
    exit: objectOf({ code: aNumber }),
    signal: objectOf({
      signal: aText,
      code: aText,
      address: aBigint,
      access: optional(ACCESS),
      pc: aBigint,
    }),
    exception: objectOf({ status: aNumber, pc: aBigint }),
    ...OTHER_ENDS,
  },
  'what run or call of a sandbox gives',
);
