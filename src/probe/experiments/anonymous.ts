/** Experiments on memory that no file backs: anonymous mappings, heap, stack, and the program's own pages. */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_MAYMOVE,
} from '../../abi/linux/mman.js';
import {
  call,
  type Experiment,
  fork,
  growHeap,
  into,
  map,
  mayFail,
  named,
  PAGE,
  protect,
  read,
  run,
  write,
} from '../experiment.js';

const SHARED = { flags: MAP_SHARED | MAP_ANONYMOUS };

const inMapping: readonly Experiment[] = [
  {
    name: 'anon-run',
    about: 'anonymous memory, never made executable, is run',
    steps: [map('rw-'), write(), run()],
  },
  {
    name: 'anon-rwx',
    about: 'anonymous memory, writable and executable from the start',
    steps: [map('rwx'), write(), run()],
  },
  {
    name: 'anon-rw-rx',
    about: 'anonymous memory, written, then made executable (mprotect)',
    steps: [map('rw-'), write(), protect('r-x'), run()],
  },
  {
    name: 'anon-rw-x',
    about: 'the same, made executable and nothing else',
    steps: [map('rw-'), write(), protect('--x'), run()],
  },
  {
    name: 'anon-rw-rwx',
    about: 'anonymous memory, made writable and executable by mprotect',
    steps: [map('rw-'), protect('rwx'), write(), run()],
  },
  {
    name: 'anon-reserved',
    about: 'address space reserved without rights, later written and made executable',
    steps: [map('---'), protect('rw-'), write(), protect('r-x'), run()],
  },
  {
    name: 'anon-rx',
    about: 'anonymous memory, executable and never writable',
    steps: [map('r-x'), read()],
  },
  {
    name: 'anon-rx-again',
    about: 'executable memory, made executable once more (no right is gained)',
    steps: [map('r-x'), protect('r-x')],
  },
  {
    name: 'anon-rx-rw',
    about: 'executable memory is made writable instead',
    steps: [map('r-x'), protect('rw-'), write()],
  },
  {
    name: 'anon-rx-rw-rx',
    about: 'executable memory is made writable, written, and made executable again',
    steps: [map('r-x'), protect('rw-'), write(), protect('r-x'), run()],
  },
  {
    name: 'anon-rx-r-rx',
    about: 'executable memory loses execute and is to get it back, never having been writable',
    steps: [map('r-x'), protect('r--'), protect('r-x')],
  },
  {
    name: 'anon-rx-rwx-rx',
    about: 'executable memory becomes writable as well, and loses that again',
    steps: [map('r-x'), protect('rwx'), write(), protect('r-x'), run()],
  },
  {
    name: 'anon-rwx-rx',
    about: 'writable and executable memory gives up write',
    steps: [map('rwx'), write(), protect('r-x'), run()],
  },
  {
    name: 'anon-x-read',
    about: 'memory that is only executable is read',
    steps: [map('--x'), read()],
  },
  {
    name: 'fork-rw-rx',
    about: 'a child of fork makes memory of its parent executable',
    steps: [map('rw-'), write(), fork, protect('r-x'), run()],
  },
  {
    name: 'shared-anon-rwx',
    about: 'shared anonymous memory, writable and executable from the start',
    steps: [map('rwx', SHARED), write(), run()],
  },
  {
    name: 'shared-anon-rw-rx',
    about: 'shared anonymous memory, written, then made executable',
    steps: [map('rw-', SHARED), write(), protect('r-x'), run()],
  },
  {
    name: 'mremap-move-rx',
    about: 'executable memory is moved',
    steps: [
      map('r-x'),
      map('---', { into: 'q' }),
      named('mremap', call('mremap', 'p', PAGE, PAGE, MREMAP_MAYMOVE | 2, 'q')),
    ],
  },
  {
    name: 'mremap-duplicate-rx',
    about: 'shared memory is seen at a second address by mremap, and that one made executable',
    steps: [
      map('rw-', SHARED),
      write(),
      into('q', call('mremap', 'p', 0, PAGE, MREMAP_MAYMOVE)),
      protect('r-x', 'q'),
      run('q'),
    ],
  },
  {
    name: 'fixed-over',
    about: 'what a refused mmap over existing memory leaves of it',
    steps: [
      map('rw-'),
      write(),
      mayFail(map('rwx', { at: 'p', flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, into: 'q' })),
      read(),
    ],
  },
  {
    name: 'protect-nothing',
    about: 'mprotect of no bytes',
    steps: [map('rw-'), protect('r-x', 'p', 0, 0)],
  },
  {
    name: 'protect-hole',
    about: 'mprotect where nothing is mapped',
    steps: [map('rw-'), call('munmap', 'p', PAGE), protect('rwx')],
  },
  {
    name: 'map-nothing',
    about: 'mmap of no bytes, writable and executable',
    steps: [map('rwx', { length: 0 })],
  },
];

const elsewhere: readonly Experiment[] = [
  {
    name: 'data-run',
    about: "code in the program's .data is run",
    steps: [write('data'), run('data')],
  },
  {
    name: 'data-rx',
    about: "a page of the program's .data is made executable",
    steps: [write('data'), protect('r-x', 'data'), run('data')],
  },
  {
    name: 'text-rw',
    about: "a page of the program's text is made writable",
    steps: [protect('rw-', 'text'), write('text')],
  },
  {
    name: 'text-rw-rx',
    about: 'the same, and made executable again (a text relocation)',
    steps: [protect('rw-', 'text'), write('text'), protect('r-x', 'text'), run('text')],
  },
  {
    name: 'text-rwx',
    about: "a page of the program's text is made writable and stays executable",
    steps: [protect('rwx', 'text'), write('text'), run('text')],
  },
  {
    name: 'heap-run',
    about: 'code in the heap (brk) is run',
    steps: [...growHeap, write('heap'), run('heap')],
  },
  {
    name: 'heap-rx',
    about: 'a heap page is made executable',
    steps: [...growHeap, write('heap'), protect('r-x', 'heap'), run('heap')],
  },
  {
    name: 'heap-rwx',
    about: 'a heap page is made writable and executable',
    steps: [...growHeap, protect('rwx', 'heap'), write('heap'), run('heap')],
  },
  {
    name: 'heap-neighbour',
    about: 'a mapping that begins where the heap ends is made executable',
    steps: [
      ...growHeap,
      map('r--', {
        at: { slot: 'heap', plus: 2 * PAGE },
        flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
      }),
      protect('r-x'),
    ],
  },
  {
    name: 'stack-run',
    about: 'code on the stack is run',
    steps: [write('stack'), run('stack')],
  },
  {
    name: 'stack-rx',
    about: 'a page of the stack is made executable',
    steps: [write('stack'), protect('r-x', 'stack'), run('stack')],
  },
  {
    name: 'stack-rwx',
    about: 'a page of the stack is made writable and executable',
    steps: [write('stack'), protect('rwx', 'stack'), run('stack')],
  },
  {
    name: 'stack-elsewhere',
    about: 'a system call while the stack pointer is in ordinary memory',
    steps: [map('rw-'), { op: 'pivot', label: 'getpid', operands: [{ slot: 'p', plus: 2048 }] }],
  },
];

export const anonymousExperiments: readonly Experiment[] = [...inMapping, ...elsewhere];
