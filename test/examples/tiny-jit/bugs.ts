/** Ten mistakes that compilers make, as switches: each is planted where a real one would sit. */
export const BUGS = [
  'clobbered-callee-saved',
  'misaligned-stack',
  'branch-off-by-one',
  'stale-patch',
  'writable-and-executable',
  'red-zone-overwrite',
  'wrong-sign-extension',
  'flags-clobbered',
  'x87-leak',
  'write-beyond-buffer',
] as const;

export type Bug = (typeof BUGS)[number];
