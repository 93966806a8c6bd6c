/** Where a run is not what its file says. */
import type { SourcePosition } from '../../toolchain/assembly-error.js';

export interface Difference {
  readonly position: SourcePosition;
  /** One line: what differs. */
  readonly message: string;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  /** More lines that explain it, such as a listing. */
  readonly details?: readonly string[];
}
