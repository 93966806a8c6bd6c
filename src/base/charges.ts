/**
 * What work that the machine does for a guest counts as, beside the blocks that the guest runs: the unit is one
 * translated block, about 70 nanoseconds of the host's processor. A charge is an upper estimate of what the
 * work costs, so that a limit of blocks is a limit of time whatever the guest does; it depends on nothing but what
 * the guest asks for, so that the same run meets the same limit everywhere. docs/limits.md has this table too.
 */
export const CHARGES = {
  /** A system call of the guest, or a call of the Windows API, however it ends. */
  syscall: 400,
  /** A fault, exception or interrupt that the kernel has to deal with. */
  exception: 1_000,
  /** A signal that a handler gets, or an exception that a handler of Windows is asked about: its frame. */
  signal: 1_000,
  /** A frame of the stack that an exception of Windows comes by. */
  frame: 200,
  /** The first access to a page, which brings it in. */
  firstAccess: 250,
  /** A page that a call touches, copies, clears or gives back. */
  page: 20,
  /** Entries of a page table that are looked at, for each 512. */
  pageTable: 20,
  /** A mapping (VMA) that a call looks at, splits, joins, changes or copies. */
  vma: 40,
  /** A line of /proc/PID/maps, or an entry of smaps. */
  mapsLine: 100,
  /** 1,024 bytes that are copied in or out, made or compared, rounded up. */
  kilobyte: 12,
  /** 256 bytes of a path, of an argument of execve or of msvcrt, rounded up; a conversion of a format. */
  text: 60,
  /** A buffer of readv and its kind. */
  vector: 5,
  /** A component of a path. */
  component: 10,
  /** A directory entry, a descriptor, a pending signal, a process that a call looks at. */
  object: 2,
  /** A process that gets the CPU from another one. */
  switch: 200,
  /** A process that begins (fork), beside its pages and mappings. */
  fork: 5_000,
  /** A program that is started (execve), beside its pages and strings. */
  exec: 20_000,
} as const;

export type ChargedWork = keyof typeof CHARGES;

/**
 * Bytes that the kernel's own objects count against the limit of memory, beside the guest's pages: about what
 * Linux spends on its own, and at least what they cost the host.
 */
export const KERNEL_BYTES = {
  /** For each 2 MiB of addresses in which a page is. */
  pageTable: 4096,
  /** A mapping. */
  vma: 256,
  /** A process, beside its memory. */
  process: 65_536,
  /** A thread beside its process's first: its kernel stack and what stands beside it. */
  thread: 24_576,
  /** A file, directory, link, pipe or segment, beside its content. */
  inode: 1024,
  /** Its name; the target of a link counts by its bytes. */
  name: 384,
  /** What open, pipe and the like make; dup and fork share it. */
  openFile: 256,
  /** A descriptor of a process. */
  descriptor: 64,
  /** A signal that waits. */
  signal: 160,
} as const;
