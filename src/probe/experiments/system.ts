/** Experiments on what the system adds: marks of programs, personalities, prctl, hints, private protection bits. */

import { O_RDONLY } from '../../abi/linux/fcntl.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PR_GET_MDWE,
  PR_GET_RESTRICTED_WX,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  PR_SET_MDWE,
  PROT_EXEC,
  PROT_FINAL,
  PROT_READ,
  PROT_WRITE,
  READ_IMPLIES_EXEC,
} from '../../abi/linux/mman.js';
import { PR_GET_SECCOMP } from '../../abi/linux/process.js';
import { MAP_JIT, PR_JIT_WRITE_PROTECT } from '../../policy/apple/hardened-runtime.js';
import {
  below,
  call,
  type Experiment,
  fork,
  growHeap,
  HELPER,
  into,
  map,
  means,
  named,
  openZero,
  PAGE,
  program,
  protect,
  read,
  run,
  same,
  value,
  write,
} from '../experiment.js';

const STACK_MARKED = [[{ header: 'stackFlags' }, { bytes: [7, 0, 0, 0] }]] as const;
const STACK_UNMARKED = [[{ header: 'stackType' }, { bytes: [0, 0, 0, 0] }]] as const;
const SEGMENT_WRITABLE = [[{ header: 'loadFlags' }, { bytes: [7, 0, 0, 0] }]] as const;

const programs: readonly Experiment[] = [
  {
    name: 'program-stack',
    about: 'a program whose PT_GNU_STACK asks for no execute runs code on its stack',
    steps: program(HELPER.STACK),
  },
  {
    name: 'program-marked-stack',
    about: 'a program whose PT_GNU_STACK asks for execute runs code on its stack',
    steps: program(HELPER.STACK, STACK_MARKED),
  },
  {
    name: 'program-marked-heap',
    about: 'the same program runs code in its heap',
    steps: program(HELPER.HEAP, STACK_MARKED),
  },
  {
    name: 'program-unmarked-stack',
    about: 'a program without PT_GNU_STACK runs code on its stack',
    steps: program(HELPER.STACK, STACK_UNMARKED),
  },
  {
    name: 'program-unmarked-heap',
    about: 'the same program runs code in its heap',
    steps: program(HELPER.HEAP, STACK_UNMARKED),
  },
  {
    name: 'program-rwx-segment',
    about: 'a program with a segment that is writable and executable is started',
    steps: program(HELPER.NOTHING, SEGMENT_WRITABLE),
  },
  {
    name: 'program-rwx-map',
    about: 'a new program maps memory writable and executable',
    steps: program(HELPER.MAP),
  },
  {
    name: 'trampoline',
    about: "gcc's trampoline of a nested function, in memory without execute, is run",
    steps: [map('rw-'), write('p', 'gcc-trampoline'), run()],
  },
];

const readImpliesExec = means(call('personality', READ_IMPLIES_EXEC));

const personalities: readonly Experiment[] = [
  {
    name: 'personality-map',
    about: 'with READ_IMPLIES_EXEC, memory mapped for reading and writing is run',
    steps: [readImpliesExec, map('rw-'), write(), run()],
  },
  {
    name: 'personality-protect',
    about: 'with READ_IMPLIES_EXEC, memory written before is made readable and run',
    steps: [map('rw-'), write(), readImpliesExec, protect('r--'), run()],
  },
  {
    name: 'personality-heap',
    about: 'with READ_IMPLIES_EXEC, new heap is run',
    steps: [readImpliesExec, ...growHeap, write('heap'), run('heap')],
  },
];

const HINT = { 'x86-64': 0x10_0000_0000n, i386: 0x2000_0000n } as const;

const addresses: readonly Experiment[] = [
  {
    name: 'hint-anon',
    about: 'an address wished for anonymous memory, without MAP_FIXED, is given',
    steps: [map('rw-', { at: { byArch: HINT } }), same('wished', 'p', { byArch: HINT })],
  },
  {
    name: 'hint-file',
    about: 'an address wished for a mapping of /dev/zero is given',
    steps: [
      openZero,
      map('rw-', { at: { byArch: HINT }, flags: MAP_PRIVATE, fd: 'fd' }),
      same('wished', 'p', { byArch: HINT }),
    ],
  },
  {
    name: 'half-space',
    about: 'memory at 0x70000000, in the upper half of 3 GiB',
    arch: 'i386',
    steps: [map('rw-', { at: 0x7000_0000, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED })],
  },
  {
    name: 'fourth-gigabyte',
    about: 'memory at 0xc0000000, which a 32-bit kernel keeps for itself',
    arch: 'i386',
    steps: [map('rw-', { at: 0xc000_0000, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED })],
  },
  {
    name: 'armor',
    about: 'executable memory is placed below 16 MiB',
    arch: 'i386',
    steps: [map('r-x'), below('low', 'p', 0x100_0000)],
  },
  {
    name: 'armor-first',
    about: 'executable memory is placed right behind the first page of that area, not at random',
    arch: 'i386',
    steps: [map('r-x'), same('first', 'p', 0x11_1000)],
  },
];

const calls: readonly Experiment[] = [
  {
    name: 'old-mmap',
    about: 'the old mmap of i386, whose arguments are in memory',
    arch: 'i386',
    steps: [
      named('old-mmap', into('p', call('mmap', { words: [0, PAGE, 3, 0x22, -1, 0] }))),
      write(),
    ],
  },
  {
    name: 'pkey-protect-rx',
    about: 'memory, written, is made executable by pkey_mprotect',
    steps: [
      map('rw-'),
      write(),
      means(
        named('pkey_mprotect:rw-', call('pkey_mprotect', 'p', PAGE, PROT_READ | PROT_WRITE, -1)),
      ),
      named('pkey_mprotect:r-x', call('pkey_mprotect', 'p', PAGE, PROT_READ | PROT_EXEC, -1)),
      run(),
    ],
  },
  {
    name: 'sealed-rx',
    about: 'memory sealed by mseal is made executable',
    steps: [map('rw-'), means(call('mseal', 'p', PAGE, 0)), protect('r-x')],
  },
  {
    name: 'mdwe-own',
    about: 'the MDWE bits that the probe was started with (1 on, 3 without inheritance)',
    steps: [means({ ...value('mdwe'), label: 'prctl' })],
  },
  {
    name: 'mdwe-child',
    about: 'the MDWE bits of a child of fork',
    steps: [means(into('p', call('prctl', PR_GET_MDWE, 0, 0, 0, 0))), value('p')],
  },
  {
    name: 'mdwe-fork',
    about: 'MDWE without inheritance is set, and a child maps memory writable and executable',
    steps: [
      means(call('prctl', PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT, 0, 0, 0)),
      fork,
      map('rwx'),
    ],
  },
  {
    name: 'restricted-wx-own',
    about: 'the bit of the Restricted WX Mappings proposal',
    steps: [into('p', call('prctl', PR_GET_RESTRICTED_WX, 0, 0, 0, 0)), value('p')],
  },
];

/** PROT_MPROTECT() of NetBSD and PROT_MAX() of FreeBSD. */
const declared = (prot: number): number => prot << 3;
const maximum = (prot: number): number => prot << 16;

const protections: readonly Experiment[] = [
  {
    name: 'prot-unknown',
    about: 'mmap with a protection bit that means nothing',
    steps: [map('r--', { more: 0x40 })],
  },
  {
    name: 'prot-final',
    about: 'mprotect with 0x20: PROT_FINAL, or PROT_MPROTECT(PROT_EXEC) of NetBSD',
    steps: [map('rw-'), protect('r--', 'p', PROT_FINAL)],
  },
  {
    name: 'prot-declared-rx',
    about: 'memory declared to become executable (PROT_MPROTECT) is written and made so',
    steps: [map('rw-', { more: declared(PROT_EXEC) }), write(), protect('r-x'), run()],
  },
  {
    name: 'prot-remap-duplicate',
    about: 'such memory is seen at a second address (MAP_REMAPDUP), and that made executable',
    steps: [
      map('rw-', { more: declared(PROT_EXEC) }),
      write(),
      // MAP_REMAPDUP has the number of MREMAP_DONTUNMAP, which Linux refuses without MREMAP_MAYMOVE.
      into('q', call('mremap', 'p', PAGE, PAGE, 4, 0)),
      protect('r-x', 'q'),
      run('q'),
    ],
  },
  {
    name: 'prot-max-rx',
    about: 'memory whose maximum is said to be read and write (PROT_MAX) is made executable',
    steps: [map('rw-', { more: maximum(PROT_READ | PROT_WRITE) }), write(), protect('r-x'), run()],
  },
  {
    name: 'prot-max-beyond',
    about: 'a mapping asks for more than the maximum that it declares (PROT_MAX)',
    steps: [map('r-x', { more: maximum(PROT_READ) })],
  },
  {
    name: 'map-jit',
    about: 'memory with MAP_JIT, writable and executable',
    steps: [map('rwx', { flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_JIT }), write(), run()],
  },
  {
    name: 'map-jit-switch',
    about: 'memory with MAP_JIT, made writable and executable in turn by the switch of the thread',
    steps: [
      map('rwx', { flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_JIT }),
      call('prctl', PR_JIT_WRITE_PROTECT, 0, 0, 0, 0),
      write(),
      call('prctl', PR_JIT_WRITE_PROTECT, 1, 0, 0, 0),
      run(),
    ],
  },
];

const facts: readonly Experiment[] = [
  {
    name: 'protection-keys',
    about: 'the processor has protection keys',
    fact: true,
    steps: [call('pkey_alloc', 0, 0)],
  },
  {
    name: 'seccomp',
    about: 'a seccomp filter is in force (2), or none (0)',
    fact: true,
    steps: [into('p', call('prctl', PR_GET_SECCOMP, 0, 0, 0, 0)), value('p')],
  },
  {
    name: 'randomisation',
    about: 'kernel.randomize_va_space: 0 none, 1 without the heap, 2 everything',
    fact: true,
    steps: [
      into('fd', call('open', { text: '/proc/sys/kernel/randomize_va_space' }, O_RDONLY, 0)),
      call('read', 'fd', 'stack', 16),
      into('p', read('stack')),
      value({ slot: 'p', plus: -48 }),
    ],
  },
];

export const systemExperiments: readonly Experiment[] = [
  ...programs,
  ...personalities,
  ...addresses,
  ...calls,
  ...protections,
  ...facts,
];
