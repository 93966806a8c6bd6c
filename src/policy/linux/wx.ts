/**
 * wx: no page is writable and executable at once, and that is all: the plain reading of "W^X". A page
 * may be one and later the other. Like OpenBSD's rule in shape, with Linux's errno.
 */
import { VM_EXEC, VM_MAYEXEC, VM_WRITE, type VmFlags } from '../../os/linux/mm/vmas/vma.js';
import { type PolicyDefinition, Rules } from '../definition.js';
import { allow } from '../policy.js';

const rules = new Rules('wx', {
  'write-exec': 'no page may be writable and executable at once',
  'implicit-write-exec':
    'memory that the kernel itself would make writable and executable (heap, stack) loses execute',
});

function both(flags: VmFlags): boolean {
  return (flags & VM_WRITE) !== 0 && (flags & VM_EXEC) !== 0;
}

export const wx: PolicyDefinition = {
  info: {
    name: 'wx',
    summary: 'no page is writable and executable at once; flipping between the two is allowed',
    os: ['linux', 'wine'],
    optIn: 'A rule of this sandbox, on from the first instruction.',
    options: [],
    rules: rules.table,
    description: [
      'mmap and shmat that would give a mapping both VM_WRITE and VM_EXEC fail with EACCES, and so does mprotect for the VMA in question (those before it in the range keep what they got).',
      'What READ_IMPLIES_EXEC adds counts as asked for. Pages that appear without a call, the heap by brk and the stack at exec, silently lose execute instead.',
      'RW to RX to RW by mprotect is allowed: only "at once" is refused.',
    ].join('\n'),
    why: 'Who can make a program write somewhere shall not be able to run what was written there.',
    history:
      'The rule as it is usually told, and as OpenBSD 6.0 (2016) enforces it at mmap and mprotect. Linux never had exactly this one: its rules (PaX MPROTECT, SELinux execmem, MDWE) also look at what a page was before.',
    workarounds: [
      'Write first, then mprotect to PROT_READ|PROT_EXEC.',
      'Two mappings of one object, one writable and one executable.',
    ],
    source: ['OpenBSD sys/uvm/uvm_mmap.c:uvm_wxcheck() for the shape of the rule'],
  },
  create: (options) => ({
    name: 'wx',
    spec: options.spec,
    mmapRegion: ({ flags }) => (both(flags) ? rules.deny('EACCES', 'write-exec') : allow),
    mprotectRights: (_vma, { flags }) => (both(flags) ? rules.deny('EACCES', 'write-exec') : allow),
    implicit: ({ flags }) =>
      both(flags) ? rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'implicit-write-exec') : allow,
  }),
};
