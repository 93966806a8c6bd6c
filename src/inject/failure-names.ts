/** What a function of the Windows API fails with, as its headers spell it: ERROR_* of winerror.h, STATUS_* of ntstatus.h. */
import { ERROR, STATUS } from '../abi/windows/status.js';
import { MayexecError, nearest } from '../base/errors.js';
import { ownEntry } from '../base/own-entry.js';

const NAMES: Readonly<Record<string, number>> = Object.fromEntries([
  ...Object.entries(ERROR).map(([name, value]) => [`ERROR_${name}`, value] as const),
  ...Object.entries(STATUS).map(([name, value]) => [`STATUS_${name}`, value] as const),
]);

/** What somebody who thinks in errnos means. */
const OF_ERRNO: Readonly<Record<string, string>> = {
  EACCES: 'ERROR_ACCESS_DENIED',
  EPERM: 'ERROR_ACCESS_DENIED',
  ENOMEM: 'ERROR_NOT_ENOUGH_MEMORY',
  EINVAL: 'ERROR_INVALID_PARAMETER',
  EFAULT: 'ERROR_NOACCESS',
};

/** Severity 'error' of an NTSTATUS, and 'warning'. */
const STATUS_FAILS = 0x8000_0000;

/** Functions that answer with an NTSTATUS instead of setting the last error. */
const BY_STATUS = /^(Nt|Zw|Ldr)[A-Z]/;

/**
 * `ERROR_ACCESS_DENIED`, `STATUS_NO_MEMORY`, `5`, `0xc0000022`: a Win32 error, or an NTSTATUS.
 * @throws MayexecError for what is neither, for a success, and for a Win32 error where a status is wanted.
 */
export function failureOf(text: string, calls: readonly string[]): number {
  const number = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : undefined;
  const value = ownEntry(NAMES, text) ?? number;
  if (value === undefined || value > 0xffff_ffff) {
    const guess = ownEntry(OF_ERRNO, text) ?? nearest(text, Object.keys(NAMES));
    const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
    throw new MayexecError(
      `unknown error '${text}': expected a name such as ERROR_NOT_ENOUGH_MEMORY or STATUS_NO_MEMORY, or its number${hint}`,
    );
  }
  const byStatus = calls.find((name) => BY_STATUS.test(name));
  if (byStatus !== undefined && value < STATUS_FAILS) {
    throw new MayexecError(
      `error '${text}': ${byStatus} fails with an NTSTATUS, such as STATUS_ACCESS_DENIED or 0xc0000022`,
    );
  }
  if (value === 0) throw new MayexecError(`error '${text}' is a success: nothing would fail`);
  return value;
}
