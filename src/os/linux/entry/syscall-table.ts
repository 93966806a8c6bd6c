/** System calls by number and name: the tables' rows with the handlers bound to them. */

import type { SyscallSpec } from '../../../abi/linux/syscall-spec.js';
import { SYSCALLS_I386 } from '../../../abi/linux/syscalls-i386.js';
import { SYSCALLS_X86_64 } from '../../../abi/linux/syscalls-x86-64.js';
import type { Arch } from '../../../base/address.js';
import { MayexecError, nearest } from '../../../base/errors.js';
import { ABI_I386, type Abi } from '../abi.js';
import { directoryCalls } from '../syscalls/directory.js';
import { execCalls } from '../syscalls/exec.js';
import { fcntlCalls } from '../syscalls/fcntl.js';
import { fileTimeCalls } from '../syscalls/file-times.js';
import { forkCalls } from '../syscalls/fork.js';
import { futexCalls } from '../syscalls/futex.js';
import type {
  HandlerTable,
  RequestReader,
  RequestTable,
  SyscallHandler,
} from '../syscalls/handler.js';
import { mmanCalls, mmanRequests } from '../syscalls/mman.js';
import { nameCalls } from '../syscalls/names.js';
import { openCalls } from '../syscalls/open.js';
import { pipeCalls } from '../syscalls/pipe.js';
import { pollCalls } from '../syscalls/poll.js';
import { prctlCalls } from '../syscalls/prctl.js';
import { processCalls } from '../syscalls/process.js';
import { readWriteCalls } from '../syscalls/read-write.js';
import { shmCalls, shmRequests } from '../syscalls/shm.js';
import { signalCalls } from '../syscalls/signal.js';
import { statCalls } from '../syscalls/stat.js';
import { statfsCalls } from '../syscalls/statfs.js';
import { syncCalls } from '../syscalls/sync.js';
import { threadAreaCalls } from '../syscalls/thread-area.js';
import { timeCalls } from '../syscalls/time.js';
import { waitCalls } from '../syscalls/wait.js';
import { xattrCalls } from '../syscalls/xattr.js';

/** A name means the same call on both architectures, unless its handler looks at the ABI. */
export const HANDLERS: HandlerTable = {
  ...directoryCalls,
  ...execCalls,
  ...fcntlCalls,
  ...fileTimeCalls,
  ...forkCalls,
  ...futexCalls,
  ...mmanCalls,
  ...nameCalls,
  ...openCalls,
  ...pipeCalls,
  ...pollCalls,
  ...prctlCalls,
  ...processCalls,
  ...readWriteCalls,
  ...shmCalls,
  ...signalCalls,
  ...statCalls,
  ...statfsCalls,
  ...syncCalls,
  ...threadAreaCalls,
  ...timeCalls,
  ...waitCalls,
  ...xattrCalls,
};

const REQUESTS: RequestTable = { ...mmanRequests, ...shmRequests };

export interface SyscallEntry {
  readonly spec: SyscallSpec;
  /** Undefined: not modelled, ENOSYS. */
  readonly handler: SyscallHandler | undefined;
  /** What it asks of the memory; undefined for a call that is not about that. */
  readonly asks: RequestReader | undefined;
}

interface Table {
  readonly byNumber: ReadonlyMap<number, SyscallEntry>;
  readonly byName: ReadonlyMap<string, SyscallEntry>;
}

function makeTable(specs: readonly SyscallSpec[]): Table {
  const entries = specs.map((spec) => ({
    spec,
    handler: HANDLERS[spec.name],
    asks: REQUESTS[spec.name],
  }));
  return {
    byNumber: new Map(entries.map((entry) => [entry.spec.number, entry])),
    byName: new Map(entries.map((entry) => [entry.spec.name, entry])),
  };
}

const I386 = makeTable(SYSCALLS_I386);
const X86_64 = makeTable(SYSCALLS_X86_64);

/** All calls of an architecture, by number. */
export function syscallSpecs(arch: Arch): readonly SyscallSpec[] {
  return arch === 'i386' ? SYSCALLS_I386 : SYSCALLS_X86_64;
}

function tableOf(abi: Abi): Table {
  return abi === ABI_I386 ? I386 : X86_64;
}

/** A number that is in no table is a call too: it fails with ENOSYS. */
export function entryOf(abi: Abi, number: number): SyscallEntry {
  const spec = { number, name: `syscall_${number < 0 ? number : `0x${number.toString(16)}`}` };
  return (
    tableOf(abi).byNumber.get(number) ?? {
      spec: { ...spec, args: UNKNOWN },
      handler: undefined,
      asks: undefined,
    }
  );
}

/** strace shows all six of a call that it does not know. */
const UNKNOWN = (['hex', 'hex', 'hex', 'hex', 'hex', 'hex'] as const).map((type, index) => ({
  name: `arg${index + 1}`,
  type,
}));

/** @throws MayexecError with the nearest name of that architecture. */
export function numberOf(abi: Abi, name: string): number {
  const table = tableOf(abi).byName;
  const entry = table.get(name);
  if (entry !== undefined) return entry.spec.number;
  const guess = nearest(name, table.keys());
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  const count = table.size;
  throw new MayexecError(
    `unknown system call '${name}': expected a number or one of the ${count} names of ${abi.arch}${hint}`,
  );
}
