/**
 * Dispatch: one system call, from its number and arguments to a result, with the policies' word
 * before it and its event behind it.
 */
import type { Addr } from '../../../base/address.js';
import { MayexecError } from '../../../base/errors.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { type Cause, causeOfVerdict } from '../../../base/verdict.js';
import type { Interception } from '../../../kernel/intercept.js';
import { noReturn, type SyscallArgs, type SyscallResult } from '../../../kernel/syscall.js';
import type { UserMemory } from '../../../kernel/user-memory.js';
import type { MemoryRequest } from '../../../memory/request.js';
import type { SyscallEvent } from '../../../trace/events.js';
import type { Abi } from '../abi.js';
import { ArgumentDecoder } from '../decode/decoder.js';
import type { Waiting } from '../process/scheduler.js';
import type { Task } from '../process/task.js';
import { killOutcome } from '../signals/exceptions.js';
import { hostCall } from './host-call.js';
import { refusesStack } from './map-stack.js';
import { entryOf, numberOf, type SyscallEntry } from './syscall-table.js';

export interface SyscallRequest {
  readonly abi: Abi;
  readonly number: number;
  readonly args: SyscallArgs;
  /** The host asks, and not the guest. */
  readonly byHost: boolean;
  /** Where the result of a call goes that has to wait first. */
  readonly deliver: (result: SyscallResult) => void;
}

export function performSyscall(task: Task, request: SyscallRequest): SyscallResult {
  if (!request.byHost && refusesStack(task)) return noReturn;
  const entry = entryOf(request.abi, request.number);
  const { name } = entry.spec;
  const decoder = new ArgumentDecoder(entry.spec, request.args, {
    memory: memoryToShow(task),
    word: request.abi.word,
  });
  task.kernel.clock.tick();
  task.kernel.meter.charge('syscall');
  const asks = entry.asks?.(request.args, task, request.abi);
  const injected = request.byHost ? undefined : intercept(task, request, entry, asks);
  task.call = name;
  task.mm.cause = name;
  task.mm.remark = undefined;
  const result = answered(task, request, entry, injected);
  task.call = undefined;
  const { remark } = task.mm;
  const tell = (given: SyscallResult): void =>
    record(task, request, entry, given, { decoder, injected, asks, remark });
  if (task.waiting !== undefined) {
    waitFor(task, task.waiting, request, tell);
    return noReturn;
  }
  tell(result);
  endIfKilled(task);
  return result;
}

/** Asks whoever stands between the guest and its kernel. */
function intercept(
  task: Task,
  { abi, args }: SyscallRequest,
  { spec }: SyscallEntry,
  asks: MemoryRequest | undefined,
): Interception | undefined {
  return task.kernel.interceptor?.({
    pid: task.pid,
    pc: task.kernel.programCounter,
    name: spec.name,
    args: args.slice(0, spec.args.length),
    asks,
    read: (address, length) => readOf(task, address, length),
    perform: (name, ...given) => performInstead(task, abi, name, given),
  });
}

function readOf({ mm }: Task, address: Addr, length: number): Uint8Array | undefined {
  const bytes = mm.look(address, length);
  return bytes.ok ? bytes.value : undefined;
}

/** A call that the guest did not make, in its name. */
export function performInstead(
  task: Task,
  abi: Abi,
  name: string,
  given: readonly bigint[],
): Result<bigint> | 'no-return' {
  const call = hostCall(abi, name, given);
  if (!call.ok) return call;
  const result = performSyscall(task, { abi, ...call.value, byHost: true, deliver: () => {} });
  // It would have to wait, for which the call at hand has no place.
  task.waiting = undefined;
  if (result.ok === 'no-return') return result.ok;
  return result.ok ? ok(BigInt(result.value)) : result;
}

function answered(
  task: Task,
  request: SyscallRequest,
  entry: SyscallEntry,
  injected: Interception | undefined,
): SyscallResult {
  switch (injected?.kind) {
    case 'fail':
      if (!('errno' in injected)) {
        throw new MayexecError(
          `intercept: ${entry.spec.name} cannot fail with the error ${injected.error} of Windows: a system call of Linux fails with an errno`,
        );
      }
      return fail(injected.errno);
    case 'answer':
      return ok(injected.value);
    case 'change':
      return changed(task, request, entry, injected);
    default:
      return judged(task, request, entry);
  }
}

function changed(
  task: Task,
  request: SyscallRequest,
  entry: SyscallEntry,
  { name, args: given }: Interception & { kind: 'change' },
): SyscallResult {
  const args = sixOf(request.args, given);
  if (name === undefined) return judged(task, { ...request, args }, entry);
  const number = numberOf(request.abi, name);
  return judged(task, { ...request, number, args }, entryOf(request.abi, number));
}

function sixOf(all: SyscallArgs, first: readonly bigint[]): SyscallArgs {
  const [a, b, c, d, e, f] = all.map((arg, index) => first[index] ?? arg);
  return [a!, b!, c!, d!, e!, f!];
}

/** A trace must not touch what it shows: a page that it brought in would be resident, a stack grown. */
function memoryToShow(task: Task): UserMemory {
  return {
    copyIn: (addr, length) => task.mm.look(addr, length),
    copyOut: () => fail('EFAULT'),
  };
}

/** The event of a call that waits is that of its answer. */
function waitFor(
  task: Task,
  waiting: Waiting,
  { abi, number, deliver, byHost }: SyscallRequest,
  tell: (result: SyscallResult) => void,
): void {
  const { kernel, arch } = task;
  waiting.call = entryOf(abi, number).spec.name;
  waiting.settle = (result) => {
    tell(result);
    deliver(result);
  };
  if (byHost || !waiting.restarts) return;
  waiting.restart = () => {
    // `syscall` and `int 0x80` have two bytes.
    kernel.programCounter -= 2n;
    kernel.engine.writeRegister(arch === 'x86-64' ? 'rax' : 'eax', BigInt(number));
  };
}

/** A policy may have answered one of the call's requests by killing the process. */
function endIfKilled(task: Task): void {
  const { killed } = task.mm;
  if (killed === undefined) return;
  task.mm.killed = undefined;
  task.end(killOutcome(task, killed.signal));
}

/** Policies see the call before any of its checks (seccomp). */
function judged(task: Task, { abi, args }: SyscallRequest, entry: SyscallEntry): SyscallResult {
  const shown = args.slice(0, entry.spec.args.length);
  const ruling = task.policies.ask('syscall', entry.spec.name, shown, task.policyFacts);
  if (ruling.kind === 'deny') return fail(ruling.errno, causeOfVerdict(ruling));
  if (ruling.kind === 'kill') {
    task.end(killOutcome(task, ruling.signal));
    return fail('EPERM', causeOfVerdict(ruling));
  }
  task.mm.hear(ruling);
  return entry.handler === undefined ? fail('ENOSYS') : entry.handler(task, args, abi);
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** What a call's event has beside its arguments and its result. */
interface Beside {
  readonly decoder: ArgumentDecoder;
  readonly injected: Interception | undefined;
  readonly asks: MemoryRequest | undefined;
  readonly remark: Cause | undefined;
}

function record(
  task: Task,
  { number, args, byHost }: SyscallRequest,
  { spec }: SyscallEntry,
  result: SyscallResult,
  { decoder, injected, asks, remark }: Beside,
): void {
  const value = valueSeen(task, spec.name, result);
  const cause = result.ok === false ? result.cause : remark;
  // Written to while it is made: a spread for each that may be absent takes longer than the rest of a short call.
  const event: Writable<Omit<SyscallEvent, 'seq' | 'pc'>> = {
    type: 'syscall',
    pid: task.pid,
    name: spec.name,
    number,
    args: args.slice(0, spec.args.length),
    shown: decoder.finish(result.ok === true ? value : undefined),
    value,
    errno: result.ok === false ? result.errno : undefined,
    byHost,
  };
  if (asks !== undefined) event.asks = asks;
  if (cause !== undefined) event.cause = cause;
  if (injected !== undefined) event.injected = injected.kind === 'change' ? 'args' : 'result';
  task.kernel.record(event);
}

/** A new program begins with 0 in the result's place, which is what strace sees of a successful execve. */
function valueSeen(task: Task, name: string, result: SyscallResult): bigint | undefined {
  if (result.ok === true) return BigInt(result.value);
  if (result.ok === false) return -1n;
  const isExec = name === 'execve' || name === 'execveat';
  return isExec && task.outcome === undefined ? 0n : undefined;
}
