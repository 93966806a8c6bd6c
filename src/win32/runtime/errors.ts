/** errno of the C library: where it lies, and what a Win32 error becomes in it. */
import { ERROR } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { Win32Process } from '../process/process.js';

export const ENOENT = 2;
export const EBADF = 9;
export const ENOMEM = 12;
export const EACCES = 13;
export const EEXIST = 17;
export const EINVAL = 22;
export const EMFILE = 24;
export const ERANGE = 34;
export const EDOM = 33;

export function errnoAddress(process: Win32Process): Addr {
  return process.datum(`errno ${process.tid}`, () => new Uint8Array(4));
}

export function setErrno(process: Win32Process, value: number): void {
  // Where even that has no memory, nothing is told.
  process.memory.tryWrite(errnoAddress(process), new Struct(4).setU32(0, value).bytes);
}

export function errnoOf(error: number): number {
  switch (error) {
    case ERROR.FILE_NOT_FOUND:
    case ERROR.PATH_NOT_FOUND:
      return ENOENT;
    case ERROR.ACCESS_DENIED:
      return EACCES;
    case ERROR.FILE_EXISTS:
    case ERROR.ALREADY_EXISTS:
      return EEXIST;
    case ERROR.NOT_ENOUGH_MEMORY:
      return ENOMEM;
    case ERROR.INVALID_HANDLE:
      return EBADF;
    default:
      return EINVAL;
  }
}

/** Texts of strerror, as msvcrt has them. */
const TEXTS: Readonly<Record<number, string>> = {
  0: 'No error',
  1: 'Operation not permitted',
  2: 'No such file or directory',
  3: 'No such process',
  4: 'Interrupted function call',
  5: 'Input/output error',
  7: 'Arg list too long',
  8: 'Exec format error',
  9: 'Bad file descriptor',
  10: 'No child processes',
  11: 'Resource temporarily unavailable',
  12: 'Not enough space',
  13: 'Permission denied',
  14: 'Bad address',
  16: 'Resource device',
  17: 'File exists',
  18: 'Improper link',
  19: 'No such device',
  20: 'Not a directory',
  21: 'Is a directory',
  22: 'Invalid argument',
  23: 'Too many open files in system',
  24: 'Too many open files',
  25: 'Inappropriate I/O control operation',
  27: 'File too large',
  28: 'No space left on device',
  29: 'Invalid seek',
  30: 'Read-only file system',
  31: 'Too many links',
  32: 'Broken pipe',
  33: 'Domain error',
  34: 'Result too large',
  36: 'Resource deadlock avoided',
  38: 'Filename too long',
  39: 'No locks available',
  40: 'Function not implemented',
  41: 'Directory not empty',
  42: 'Illegal byte sequence',
};

export function errorText(number: number): string {
  return TEXTS[number] ?? 'Unknown error';
}
