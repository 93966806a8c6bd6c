/** LoadFailure: why a program cannot be started, in one line. */
import type { NtStatus } from '../abi/windows/status.js';

export class LoadFailure extends Error {
  readonly status: NtStatus;
  /** The system below refused memory: the program's run ends with it; else the file is the host's mistake. */
  readonly bySystem: boolean;

  constructor(status: NtStatus, message: string, bySystem = false) {
    super(message);
    this.status = status;
    this.bySystem = bySystem;
  }
}
