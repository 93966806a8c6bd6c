/** Events of poll and select (include/uapi/asm-generic/poll.h, fs/select.c). */
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLRDBAND = 0x80;
export const POLLWRNORM = 0x100;
export const POLLWRBAND = 0x200;

/** DEFAULT_POLLMASK: files that never let anybody wait. */
export const DEFAULT_POLLMASK = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
/** What makes a descriptor readable, writable or exceptional for select: POLLIN_SET and its like. */
export const SELECT_SETS = [
  POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
  POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR,
  POLLPRI,
] as const;
