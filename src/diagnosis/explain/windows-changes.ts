/**
 * What a program for Windows could ask for instead, done to its calls of the API while it runs, as if its source
 * said so. Whether it works, under Windows or under Wine, is for a run to show.
 */
import {
  FILE_MAP_EXECUTE,
  FILE_MAP_READ,
  FILE_MAP_WRITE,
  MEM_COMMIT,
  MEM_RESERVE,
  PAGE_EXECUTE_READ,
  PAGE_EXECUTE_READWRITE,
  PAGE_READWRITE,
} from '../../abi/windows/memory.js';
import { ownEntry } from '../../base/own-entry.js';
import type {
  FaultInterceptor,
  InterceptedCall,
  SyscallInterceptor,
} from '../../kernel/intercept.js';
import { RIGHT_EXEC, RIGHT_WRITE } from '../../memory/mapping.js';
import { atFirstCall, type Change, isSame, type Perform, resultOf, succeeded } from './change.js';
import type { Subject } from './subject.js';

const PAGE = 4096n;
const HEAP_CREATE_ENABLE_EXECUTE = 0x40000n;
const BOTH = RIGHT_WRITE | RIGHT_EXEC;
const MEMORY = BigInt(MEM_RESERVE | MEM_COMMIT);

/** Which argument says the protection. */
const PROTECTION: Readonly<Record<string, number>> = {
  VirtualAlloc: 3,
  VirtualAllocEx: 4,
  VirtualAlloc2: 4,
  VirtualProtect: 2,
  VirtualProtectEx: 3,
  NtAllocateVirtualMemory: 5,
  NtProtectVirtualMemory: 3,
};

/** The call with another protection; undefined where it has none. */
function withProtection(call: InterceptedCall, protect: number): ReturnType<SyscallInterceptor> {
  const at = ownEntry(PROTECTION, call.name);
  if (at === undefined) return undefined;
  const args = call.args.map((arg, index) => (index === at ? BigInt(protect) : arg));
  return { kind: 'change', args };
}

function gainsExec({ asks }: InterceptedCall): boolean {
  return asks?.kind === 'protect' && (asks.rights & RIGHT_EXEC) !== 0;
}

function remade(made: Subject['made'], protect: number): SyscallInterceptor {
  return (call) => (isSame(call, made) ? withProtection(call, protect) : undefined);
}

/** VirtualProtect tells the old protection at an address, for which there has to be memory. */
class Protector {
  #scratch: bigint | undefined;

  protect(perform: Perform, start: bigint, length: bigint, protect: number): boolean {
    this.#scratch ??= resultOf(perform('VirtualAlloc', 0n, PAGE, MEMORY, BigInt(PAGE_READWRITE)));
    if (this.#scratch === undefined) return false;
    return succeeded(perform('VirtualProtect', start, length, BigInt(protect), this.#scratch));
  }
}

/** Pages become executable when they are called, and writable when they are written again. */
function flipped(): FaultInterceptor {
  const protector = new Protector();
  const mine = new Set<bigint>();
  return ({ access, address, perform }) => {
    const page = address & ~(PAGE - 1n);
    if (access === 'exec' && protector.protect(perform, page, PAGE, PAGE_EXECUTE_READ)) {
      mine.add(page);
      return 'retry';
    }
    const back = access === 'write' && mine.delete(page);
    return back && protector.protect(perform, page, PAGE, PAGE_READWRITE) ? 'retry' : undefined;
  };
}

/** Where the program itself makes memory executable, without the right to write; `first` comes before. */
function sealed(first?: SyscallInterceptor): Omit<Change, 'text'> {
  return {
    intercept: (call) =>
      gainsExec(call) ? withProtection(call, PAGE_EXECUTE_READ) : first?.(call),
    interceptFault: flipped(),
  };
}

/** One section, of which now the writable view and now the executable one stands at the same place. */
function viewsOf(made: Subject['made']): Omit<Change, 'text'> {
  const sections: { readonly handle: bigint; readonly start: bigint; readonly end: bigint }[] = [];
  const turn = (perform: Perform, address: bigint, access: number): boolean => {
    const found = sections.find(({ start, end }) => start <= address && address < end);
    if (found === undefined) return false;
    const { handle, start } = found;
    return (
      succeeded(perform('UnmapViewOfFile', start)) &&
      succeeded(perform('MapViewOfFileEx', handle, BigInt(access), 0n, 0n, 0n, start))
    );
  };
  return {
    intercept: (call) => {
      const { asks, perform } = call;
      if (gainsExec(call) && asks !== undefined) {
        const done = turn(perform, asks.start, FILE_MAP_READ | FILE_MAP_EXECUTE);
        return done ? { kind: 'answer', value: 1n } : undefined;
      }
      if (!isSame(call, made) || asks === undefined) return undefined;
      const size = asks.length;
      const protect = BigInt(PAGE_EXECUTE_READWRITE);
      const handle = resultOf(perform('CreateFileMappingA', -1n, 0n, protect, 0n, size, 0n));
      if (handle === undefined) return undefined;
      const access = BigInt(FILE_MAP_WRITE);
      const start = resultOf(perform('MapViewOfFile', handle, access, 0n, 0n, 0n));
      if (start === undefined) return undefined;
      sections.push({ handle, start, end: start + size });
      return { kind: 'answer', value: start };
    },
    interceptFault: ({ access, address, perform }) => {
      const wanted = access === 'exec' ? FILE_MAP_READ | FILE_MAP_EXECUTE : FILE_MAP_WRITE;
      return access !== 'read' && turn(perform, address, wanted) ? 'retry' : undefined;
    },
  };
}

/** The first heap handle that the program asks for is of an executable heap; so is every heap that it creates. */
function executableHeap(): SyscallInterceptor {
  let heap: bigint | undefined;
  const create = (perform: Perform): bigint | undefined =>
    resultOf(perform('HeapCreate', HEAP_CREATE_ENABLE_EXECUTE, 0n, 0n));
  return ({ name, args, perform }) => {
    if (name === 'HeapCreate') {
      const [flags = 0n, ...rest] = args;
      return { kind: 'change', args: [flags | HEAP_CREATE_ENABLE_EXECUTE, ...rest] };
    }
    if (name !== 'GetProcessHeap') return undefined;
    heap ??= create(perform);
    return heap === undefined ? undefined : { kind: 'answer', value: heap };
  };
}

/** malloc takes its memory from VirtualAlloc, where another protection can be asked for. */
function mallocFromVirtualAlloc(): SyscallInterceptor {
  const mine = new Set<bigint>();
  return ({ name, args, perform }) => {
    const [first = 0n, second = 0n] = args;
    if (name === 'free' && mine.has(first)) return { kind: 'answer', value: 0n };
    const size = name === 'malloc' ? first : name === 'calloc' ? first * second : undefined;
    if (size === undefined) return undefined;
    const protect = BigInt(PAGE_EXECUTE_READWRITE);
    const value = resultOf(perform('VirtualAlloc', 0n, size === 0n ? 1n : size, MEMORY, protect));
    if (value === undefined) return undefined;
    mine.add(value);
    return { kind: 'answer', value };
  };
}

const THREAD_DYNAMIC_CODE_POLICY = 2n;

/** THREAD_POLICY of 1 in memory, for SetThreadInformation. */
function optOut(perform: Perform): void {
  const word = resultOf(perform('VirtualAlloc', 0n, PAGE, MEMORY, BigInt(PAGE_READWRITE)));
  if (word === undefined) return;
  perform('memset', word, 1n, 1n);
  perform('SetThreadInformation', -2n, THREAD_DYNAMIC_CODE_POLICY, word, 4n);
}

/** Smallest first. Those that come to what the program did already are left out. */
export function windowsChangesFor({ asked, made, policies, isHeap }: Subject): Change[] {
  const asksBoth = (asked.rights & BOTH) === BOTH;
  const allocated = made !== undefined && Object.hasOwn(PROTECTION, made.name);
  const fetch = asked.kind === 'fetch';
  const list: (Change | false)[] = [
    asked.kind === 'protect' &&
      asksBoth && {
        text: 'VirtualProtect to PAGE_EXECUTE_READ once the code is written',
        ...sealed(),
      },
    asked.kind === 'map' &&
      allocated && {
        text: 'VirtualAlloc with PAGE_READWRITE, and VirtualProtect to PAGE_EXECUTE_READ once the code is written',
        ...sealed(remade(made, PAGE_READWRITE)),
      },
    fetch && {
      text: 'VirtualProtect to PAGE_EXECUTE_READ once the code is written, before it is called',
      ...sealed(),
    },
    isHeap && {
      text: 'a heap for code: HeapCreate with HEAP_CREATE_ENABLE_EXECUTE',
      intercept: executableHeap(),
    },
    isHeap && {
      text: 'memory from VirtualAlloc with PAGE_EXECUTE_READWRITE in the place of malloc',
      intercept: mallocFromVirtualAlloc(),
    },
    allocated &&
      !(asked.kind === 'map' && asksBoth) && {
        text: 'VirtualAlloc with PAGE_EXECUTE_READWRITE from the start',
        intercept: remade(made, PAGE_EXECUTE_READWRITE),
      },
    allocated && {
      text: 'two views of a section (CreateFileMapping), one with FILE_MAP_WRITE and one with FILE_MAP_EXECUTE',
      ...viewsOf(made),
    },
    policies.has('dep') &&
      fetch && {
        text: 'SetProcessDEPPolicy(0) at the start, where DEP is not permanent',
        intercept: atFirstCall((perform) => perform('SetProcessDEPPolicy', 0n)),
      },
    policies.has('acg') && {
      text: 'SetThreadInformation(ThreadDynamicCodePolicy) in the thread that compiles, where the policy has AllowThreadOptOut',
      intercept: atFirstCall(optOut),
    },
  ];
  return list.filter((change) => change !== false);
}
