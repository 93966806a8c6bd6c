/** LoadFailure: why a program cannot be started, in one line. */

import type { NtStatus } from '../../abi/windows/status.js';
import type { Outcome } from '../../base/outcome.js';

export class LoadFailure extends Error {
  readonly status: NtStatus;
  /** The system below refused memory: the program's run ends with it; else the file is the host's mistake. */
  readonly bySystem: boolean;

  /** How the run ends, when that is not an exit with the status. */
  readonly ending: Outcome | undefined;

  constructor(status: NtStatus, message: string, bySystem = false, ending?: Outcome) {
    super(message);
    this.status = status;
    this.bySystem = bySystem;
    this.ending = ending;
  }
}
