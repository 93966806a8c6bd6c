/** What a matcher answers vitest. The text is made only when it is shown: it may run the code again. */
import type { CallResult } from '../run/call-result.js';
import { type FailureOptions, failureText } from '../watch/failure.js';

export interface CheckVerdict {
  readonly pass: boolean;
  readonly message: () => string;
}

export interface Judged extends FailureOptions {
  readonly pass: boolean;
  /** What is expected, after `expected the code `. */
  readonly expected: string;
  /** What happened instead, as a clause: `it returned 4`. */
  readonly actual: () => string;
  /** The instruction to mark. */
  readonly blame?: () => bigint | undefined;
}

/** `expected the code to return 3, but it returned 4`, with listing, registers and policy. */
export function verdictOf(
  result: CallResult,
  { pass, expected, actual, blame }: Judged,
): CheckVerdict {
  const message = (): string => {
    const wanted = pass ? `not to ${expected}` : `to ${expected}`;
    const headline = `expected the code ${wanted}, but ${actual()}`;
    return failureText(result, headline, { mark: blame?.() });
  };
  return { pass, message };
}
