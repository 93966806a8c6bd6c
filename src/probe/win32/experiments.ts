/**
 * Every experiment of the probe for Windows and Wine, in the order in which it makes them. All run in one process:
 * those whose end may be the process's (PaX kills who executes data) come last.
 */
import {
  FILE_MAP_EXECUTE,
  FILE_MAP_READ,
  FILE_MAP_WRITE,
  MEM_COMMIT,
  MEM_RESERVE,
  PAGE_EXECUTE_READWRITE,
} from '../../abi/windows/memory.js';
import type { Arch } from '../../base/address.js';
import {
  allocate,
  call,
  into,
  means,
  PAGE,
  protect,
  run,
  set,
  unchecked,
  value,
  type Win32Experiment,
  type Win32Step,
  write,
  writeThunk,
} from './experiment.js';

const THIS_PROCESS = -1;
const THIS_THREAD = -2;
const PAGE_FILE = -1;
const HEAP_CREATE_ENABLE_EXECUTE = 0x40000;
const PROCESS_DYNAMIC_CODE_POLICY = 2;
const THREAD_DYNAMIC_CODE_POLICY = 2;
/** CreateFile: read, write and execute; shared with all; a new file that goes when it is closed. */
const GENERIC_ALL_BUT = { access: 0xe000_0000, share: 7, create: 2, deleteOnClose: 0x0400_0000 };
const FILE_MAP_CODE = FILE_MAP_READ | FILE_MAP_EXECUTE;
/** So much of a heap block lies inside a page of its own. */
const BLOCK = 3 * PAGE;

function section(file: 'handle' | typeof PAGE_FILE): Win32Step {
  const step = call('CreateFileMappingA', file, 0, PAGE_EXECUTE_READWRITE, 0, PAGE, 0);
  return into('handle', step);
}

function view(access: number, name: string, slot: 'p' | 'q'): Win32Step {
  const step = into(slot, call('MapViewOfFile', 'handle', access, 0, 0, 0));
  return { ...step, label: `MapViewOfFile:${name}` };
}

const dual: readonly Win32Step[] = [
  view(FILE_MAP_READ | FILE_MAP_WRITE, 'RW', 'p'),
  view(FILE_MAP_CODE, 'RX', 'q'),
  write('p'),
  run('q'),
];

const blockOfProcessHeap: readonly Win32Step[] = [
  into('handle', call('GetProcessHeap')),
  into('p', call('HeapAlloc', 'handle', 0, BLOCK)),
];

function threadOptsOut(yes: 0 | 1): readonly Win32Step[] {
  const information = { addressOf: 'q' } as const;
  const step = call(
    'SetThreadInformation',
    THIS_THREAD,
    THREAD_DYNAMIC_CODE_POLICY,
    information,
    4,
  );
  return [set('q', yes), yes ? step : unchecked(step)];
}

export const WIN32_EXPERIMENTS: readonly Win32Experiment[] = [
  { name: 'start', about: 'the program is loaded and starts', steps: [] },
  {
    name: 'dep-system',
    about: 'GetSystemDEPPolicy: 0 AlwaysOff, 1 AlwaysOn, 2 OptIn, 3 OptOut',
    steps: [unchecked(into('p', call('GetSystemDEPPolicy'))), value('p')],
  },
  {
    name: 'dep-process',
    about: 'GetProcessDEPPolicy, the flags of this process: 1 DEP, 2 no ATL thunks',
    steps: [
      call('GetProcessDEPPolicy', THIS_PROCESS, { addressOf: 'p' }, { addressOf: 'q' }),
      value('p'),
    ],
  },
  {
    name: 'dep-permanent',
    about: 'GetProcessDEPPolicy: may this process change it no more?',
    steps: [
      call('GetProcessDEPPolicy', THIS_PROCESS, { addressOf: 'p' }, { addressOf: 'q' }),
      value('q'),
    ],
  },
  {
    name: 'acg-flags',
    about: 'GetProcessMitigationPolicy: 1 ACG, 2 threads may opt out, 4 revocable, 8 audit only',
    steps: [
      set('p', 0),
      call(
        'GetProcessMitigationPolicy',
        THIS_PROCESS,
        PROCESS_DYNAMIC_CODE_POLICY,
        { addressOf: 'p' },
        4,
      ),
      value('p'),
    ],
  },
  {
    name: 'valloc-rx',
    about: 'VirtualAlloc gives executable memory that cannot be written',
    steps: [allocate('RX')],
  },
  {
    name: 'valloc-rwx',
    about: 'VirtualAlloc gives memory that is writable and executable at once',
    steps: [allocate('RWX'), write(), run()],
  },
  {
    name: 'valloc-rw-rx',
    about: 'memory of VirtualAlloc, written, then made executable (VirtualProtect)',
    steps: [allocate('RW'), write(), protect('RX'), run()],
  },
  {
    name: 'valloc-rw-rwx',
    about: 'memory of VirtualAlloc is made writable and executable',
    steps: [allocate('RW'), write(), protect('RWX'), run()],
  },
  {
    name: 'valloc-rx-rw-rx',
    about: 'executable memory is made writable, written, and executable again',
    steps: [allocate('RX'), protect('RW'), write(), protect('RX'), run()],
  },
  {
    name: 'reserve-commit-rwx',
    about: 'pages of a reservation are committed writable and executable',
    steps: [
      allocate('RW', 0, MEM_RESERVE),
      { ...allocate('RWX', 'p', MEM_COMMIT), label: 'commit:RWX' },
      write(),
      run(),
    ],
  },
  {
    name: 'heap-create-execute',
    about: 'a heap made with HEAP_CREATE_ENABLE_EXECUTE: a block of it is written and run',
    steps: [
      into('handle', call('HeapCreate', HEAP_CREATE_ENABLE_EXECUTE, 0, 0)),
      into('p', call('HeapAlloc', 'handle', 0, 64)),
      write(),
      run(),
    ],
  },
  {
    name: 'heap-protect',
    about: "a block of the process's heap is made executable",
    steps: [
      ...blockOfProcessHeap,
      write(),
      protect('RWX', 'p', 64),
      run(),
      unchecked(protect('RW', 'p', 64)),
    ],
  },
  {
    name: 'stack-protect',
    about: 'a page of the stack is made writable and executable',
    steps: [
      write('stack'),
      protect('RWX', 'stack', 64),
      run('stack'),
      unchecked(protect('RW', 'stack', 64)),
    ],
  },
  {
    name: 'image-data-protect',
    about: 'a page of .data is made writable and executable',
    steps: [
      write('data'),
      protect('RWX', 'data', 64),
      run('data'),
      unchecked(protect('RW', 'data', 64)),
    ],
  },
  {
    name: 'image-text-patch',
    about: "a page of the program's code is made writable, patched, and executable again",
    steps: [protect('RW', 'text', 64), write('text'), protect('RX', 'text', 64), run('text')],
  },
  {
    name: 'section-rwx',
    about: 'a section of the page file is mapped writable and executable',
    steps: [section(PAGE_FILE), view(FILE_MAP_CODE | FILE_MAP_WRITE, 'RWX', 'p'), write(), run()],
  },
  {
    name: 'section-dual',
    about: 'a section of the page file is mapped twice: written in one view, run in the other',
    steps: [section(PAGE_FILE), ...dual],
  },
  {
    name: 'mapped-file-dual',
    about: 'a file in the current folder is mapped twice: written in one view, run in the other',
    steps: [
      means({
        ...call(
          'CreateFileA',
          { text: 'mayexec-probe.tmp' },
          GENERIC_ALL_BUT.access,
          GENERIC_ALL_BUT.share,
          0,
          GENERIC_ALL_BUT.create,
          GENERIC_ALL_BUT.deleteOnClose,
          0,
        ),
        failure: 'minus one',
        into: 'handle',
      }),
      section('handle'),
      ...dual,
    ],
  },
  {
    name: 'thread-opts-out',
    about: 'a thread excepts itself from ACG (SetThreadInformation), and allocates RWX',
    steps: [...threadOptsOut(1), allocate('RWX'), ...threadOptsOut(0)],
  },
  {
    name: 'valloc-run',
    about: 'memory of VirtualAlloc is run without execute',
    steps: [allocate('RW'), write(), run()],
  },
  {
    name: 'process-heap-run',
    about: "a block of the process's heap is run",
    steps: [...blockOfProcessHeap, write(), run()],
  },
  {
    name: 'stack-code-run',
    about: 'code on the stack is run',
    steps: [write('stack'), run('stack')],
  },
  {
    name: 'image-data-run',
    about: 'code in .data is run',
    steps: [write('data'), run('data')],
  },
  {
    name: 'atl-thunk',
    about: "the ATL library's thunk in memory without execute, which DEP carries out",
    arch: 'i386',
    steps: [allocate('RW'), writeThunk(), run()],
  },
  {
    name: 'dep-off',
    about: 'SetProcessDEPPolicy(0), then memory without execute is run',
    steps: [call('SetProcessDEPPolicy', 0), allocate('RW'), write(), run()],
  },
];

export function win32ExperimentsFor(arch: Arch): readonly Win32Experiment[] {
  return WIN32_EXPERIMENTS.filter((experiment) => (experiment.arch ?? arch) === arch);
}
