/** Experiments on memory with an object behind it: /dev/zero, files, memfds, System V segments. */
import { F_GET_SEALS, MFD_EXEC, MFD_NOEXEC_SEAL, O_RDWR } from '../../abi/linux/fcntl.js';
import { IPCOP_SHMAT, SHM_EXEC, SHM_RDONLY } from '../../abi/linux/ipc.js';
import { MAP_FIXED, MAP_PRIVATE, MAP_SHARED } from '../../abi/linux/mman.js';
import {
  call,
  codeFile,
  createFile,
  type Experiment,
  fillFile,
  growHeap,
  into,
  map,
  means,
  memfd,
  memfdProgram,
  named,
  openZero,
  PAGE,
  protect,
  reopenFile,
  run,
  type Step,
  segment,
  value,
  write,
} from '../experiment.js';

const PRIVATE = { flags: MAP_PRIVATE, fd: 'fd' } as const;
const SHARED = { flags: MAP_SHARED, fd: 'fd' } as const;
/** The second view of the same pages. */
const OTHER = { ...SHARED, into: 'q' } as const;

const FIXED = { flags: MAP_SHARED | MAP_FIXED, fd: 'fd' } as const;

const dual: readonly Step[] = [map('rw-', SHARED), write(), map('r-x', OTHER), run('q')];

const zero: readonly Experiment[] = [
  {
    name: 'zero-rwx',
    about: 'a private mapping of /dev/zero, writable and executable from the start',
    steps: [openZero, map('rwx', PRIVATE), write(), run()],
  },
  {
    name: 'zero-rw-rx',
    about: 'a private mapping of /dev/zero is made executable before anything is written',
    steps: [openZero, map('rw-', PRIVATE), protect('r-x')],
  },
  {
    name: 'zero-written-rx',
    about: 'a private mapping of /dev/zero is written, then made executable',
    steps: [openZero, map('rw-', PRIVATE), write(), protect('r-x'), run()],
  },
  {
    name: 'zero-shared-rw-rx',
    about: 'a shared mapping of /dev/zero is written, then made executable',
    steps: [openZero, map('rw-', SHARED), write(), protect('r-x'), run()],
  },
];

const files: readonly Experiment[] = [
  {
    name: 'file-rx',
    about: 'a file of code in /tmp is mapped executable',
    steps: [...codeFile(), map('r-x', PRIVATE), run()],
  },
  {
    name: 'file-run',
    about: 'a file of code in /tmp is mapped for reading and run',
    steps: [...codeFile(), map('r--', PRIVATE), run()],
  },
  {
    name: 'file-rwx',
    about: 'a private mapping of a file in /tmp, writable and executable',
    steps: [...codeFile(), map('rwx', PRIVATE), write(), run()],
  },
  {
    name: 'file-rw-rx',
    about: 'a private mapping of a file in /tmp, not written, is made executable',
    steps: [...codeFile(), map('rw-', PRIVATE), protect('r-x'), run()],
  },
  {
    name: 'file-written-rx',
    about: 'a private mapping of a file in /tmp is written, then made executable',
    steps: [...codeFile(), map('rw-', PRIVATE), write(), protect('r-x'), run()],
  },
  {
    name: 'file-shared-rwx',
    about: 'a shared mapping of a file in /tmp, writable and executable',
    steps: [...codeFile(), map('rwx', SHARED), write(), run()],
  },
  {
    name: 'file-shared-rw-rx',
    about: 'a shared mapping of a file in /tmp is written, then made executable',
    steps: [...codeFile(), map('rw-', SHARED), write(), protect('r-x'), run()],
  },
  {
    name: 'file-read-only-rx',
    about: 'a shared mapping of a file opened for reading is made executable',
    steps: [...codeFile(), reopenFile(), map('r--', SHARED), protect('r-x'), run()],
  },
  {
    name: 'file-dual',
    about: 'a file in /tmp at two addresses, one writable, one executable',
    steps: [...codeFile(), ...dual],
  },
  {
    name: 'shm-file-dual',
    about: 'the same in /dev/shm',
    steps: [...codeFile('path-shm'), ...dual],
  },
  {
    name: 'library-relocation',
    about: 'the text of a library that says it needs text relocations is relocated',
    steps: [
      createFile(),
      ...fillFile('library'),
      map('r-x', PRIVATE),
      protect('rw-'),
      write({ slot: 'p', plus: 2048 }),
      protect('r-x'),
      run({ slot: 'p', plus: 2048 }),
    ],
  },
  {
    name: 'own-memory-file',
    about: 'executable memory is written through /proc/self/mem',
    steps: [
      map('r-x'),
      means(into('fd', call('open', { text: '/proc/self/mem' }, O_RDWR, 0))),
      call('pwrite64', 'fd', { constant: 'code' }, { lengthOf: 'code' }, 'p', 0),
      run(),
    ],
  },
];

const memfds: readonly Experiment[] = [
  {
    name: 'memfd-dual',
    about: 'a memfd at two addresses, one writable, one executable',
    steps: [...memfd(), ...dual],
  },
  {
    name: 'memfd-rwx',
    about: 'a shared mapping of a memfd, writable and executable',
    steps: [...memfd(), map('rwx', SHARED), write(), run()],
  },
  {
    name: 'memfd-written-rx',
    about: 'a private mapping of a memfd is written, then made executable',
    steps: [...memfd(), map('rw-', PRIVATE), write(), protect('r-x'), run()],
  },
  {
    name: 'memfd-sealed-dual',
    about: 'a memfd that may not be executed (MFD_NOEXEC_SEAL) at two addresses',
    steps: [...memfd(MFD_NOEXEC_SEAL), ...dual],
  },
  {
    name: 'memfd-exec-flag',
    about: 'a memfd that may be executed is asked for (MFD_EXEC)',
    steps: memfd(MFD_EXEC),
  },
  {
    name: 'memfd-seals',
    about: 'the seals of a memfd made without either flag',
    steps: [...memfd(), into('p', call('fcntl', 'fd', F_GET_SEALS)), value('p')],
  },
  {
    name: 'memfd-program',
    about: 'a program in a memfd is started',
    steps: memfdProgram(0),
  },
];

/** SELinux takes for heap what lies between the start and the end of the heap, whatever it is. */
const inHeap: readonly Experiment[] = [
  {
    name: 'heap-memfd-rx',
    about: 'a memfd mapped over a page of the heap is made executable',
    steps: [...memfd(), ...growHeap, map('r--', { ...FIXED, at: 'heap' }), protect('r-x')],
  },
  {
    name: 'heap-memfd-neighbour',
    about: 'a memfd mapped where the heap ends is made executable',
    steps: [
      ...memfd(),
      ...growHeap,
      map('r--', { ...FIXED, at: { slot: 'heap', plus: 2 * PAGE } }),
      protect('r-x'),
    ],
  },
];

const segments: readonly Experiment[] = [
  {
    name: 'segment-rwx',
    about: 'a System V segment is attached with SHM_EXEC',
    steps: [
      ...segment,
      named('shmat:rwx', into('q', call('shmat', 'segment', 0, SHM_EXEC))),
      write('q'),
      run('q'),
    ],
  },
  {
    name: 'segment-dual',
    about: 'a System V segment is attached twice, for writing and with SHM_EXEC|SHM_RDONLY',
    steps: [
      ...segment,
      write(),
      named('shmat:r-x', into('q', call('shmat', 'segment', 0, SHM_EXEC | SHM_RDONLY))),
      run('q'),
    ],
  },
  {
    name: 'segment-rw-rx',
    about: 'a System V segment is written, then made executable',
    steps: [...segment, write(), protect('r-x'), run()],
  },
  {
    name: 'segment-ipc-rwx',
    about: 'a System V segment is attached with SHM_EXEC through the old ipc call',
    arch: 'i386',
    steps: [
      ...segment,
      // ipc(SHMAT, id, flags, where the address goes, 0): the stack page has room.
      named('ipc:shmat:rwx', call('ipc', IPCOP_SHMAT, 'segment', SHM_EXEC, 'stack', 0)),
    ],
  },
];

export const objectExperiments: readonly Experiment[] = [
  ...zero,
  ...files,
  ...memfds,
  ...inHeap,
  ...segments,
];
