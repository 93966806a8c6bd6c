/** A new process: what the system puts into its address space, its images, and its first instruction. */
import { PAGE_READONLY } from '../../abi/windows/memory.js';
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { PeImage } from '../../formats/pe/image.js';
import { ProcessEnded } from '../calls/control.js';
import type { HostTask } from '../calls/task.js';
import { beginHandlerChain } from '../exceptions/handler-chain.js';
import { Modules } from '../process/modules.js';
import { type ProcessInit, type ProcessPorts, Win32Process } from '../process/process.js';
import { KUSER_SHARED_DATA, sharedData } from '../process/shared-data.js';
import type { StartPart } from '../space.js';
import type { Win32System } from '../system.js';
import { attach, bindImports, mapModule, prepareTls, runTlsCallbacks } from './libraries.js';
import { LoadFailure } from './load-failure.js';
import { SYSTEM_DLLS } from './loadable-dll.js';
import { fillTeb, selectTeb } from './teb.js';
import { makeStack, TLS_ARRAY } from './thread-memory.js';

const EFLAGS = 0x202n;
const USER_DATA = 0x2bn;

/** @throws LoadFailure when it cannot be started. */
export function startProcess(
  system: Win32System,
  init: ProcessInit,
  bytes: Uint8Array | undefined,
  ports: ProcessPorts,
): Win32Process {
  const process = new Win32Process(system, init, ports);
  process.modules = new Modules();
  const { space } = process;
  system.caller = { pid: process.tracePid, name: 'exec', pc: 0n };
  try {
    system.engine.setTranslate(space.translate);
    standardHandles(process);
    const main = bytes === undefined ? undefined : mapModule(process, init.path, bytes);
    space.begin(main?.content.image);
    mapSystemPages(process);
    for (const part of space.startOrder) makePart(process, part, main?.content.image);
    fillBlocks(process, main?.base ?? 0n);
    for (const name of SYSTEM_DLLS) process.ports.mapDll(process, name);
    prepareThread(process);
    if (main !== undefined) prepareMain(process);
    return process;
  } catch (error) {
    space.close();
    throw error;
  }
}

function standardHandles({ handles, descriptors }: Win32Process): void {
  handles.addAt(0x10, { kind: 'input' });
  handles.addAt(0x14, { kind: 'output', fd: 1 });
  handles.addAt(0x18, { kind: 'output', fd: 2 });
  for (const handle of [0x10, 0x14, 0x18]) descriptors.add(handle, true);
}

function prepareMain(process: Win32Process): void {
  const { modules } = process;
  const before = new Set(modules.all);
  bindImports(process, modules.main);
  const added = modules.all.filter((module) => !before.has(module) && !module.builtin);
  for (const module of [...added, modules.main]) prepareTls(process, module);
  process.pendingAttach = added.reverse();
}

/** KUSER_SHARED_DATA, TEB and PEB. */
function mapSystemPages(process: Win32Process): void {
  const { space, system } = process;
  const fixed = (address: Addr, length: number, protect: number, name: string): void => {
    const status = space.mapFixed(address, length, protect, name);
    if (status !== STATUS.SUCCESS) throw new LoadFailure(status, `no room for the ${name}`, true);
  };
  fixed(KUSER_SHARED_DATA, 0x1000, PAGE_READONLY, 'KUSER_SHARED_DATA');
  space.vm.pages.poke(
    KUSER_SHARED_DATA,
    sharedData({ version: system.traits.version, nxPolicy: space.nxPolicy }),
  );
  process.teb = space.layout.teb;
  process.peb = space.layout.peb;
  space.mapBlocks();
}

function makePart(process: Win32Process, part: StartPart, image: PeImage | undefined): void {
  const { space, heaps } = process;
  switch (part) {
    case 'stack':
      makeStack(process, image?.stack.reserve ?? 0x100000n, image?.stack.commit ?? 0x1000n);
      return;
    case 'heap': {
      const heap = heaps.create(space.heapFlags, 0n, 0n);
      if (!heap.ok) throw new LoadFailure(heap.status, 'no memory for the process heap', true);
      heaps.process = heap.value;
      return;
    }
    default:
      space.mapTable?.(part);
  }
}

/** What programs read of the TEB and PEB. Offsets: winternl.h. */
function fillBlocks(process: Win32Process, image: Addr): void {
  const { wide, word, peb, space, heaps, system } = process;
  const { pages } = space.vm;
  const at = (wideAt: number, narrowAt: number): number => (wide ? wideAt : narrowAt);
  process.tlsArray = process.reserveSystemMemory(BigInt(TLS_ARRAY), 'thread-local storage');
  fillTeb(process);
  const [major, minor, build] = system.traits.version;
  const version = at(0x118, 0xa4);
  const parameters = processParameters(process);
  const fields = new Struct(0x200)
    .setWord(at(0x10, 0x08), word, image)
    .setWord(at(0x20, 0x10), word, parameters)
    .setWord(at(0x30, 0x18), word, heaps.process)
    .setU32(version, major)
    .setU32(version + 4, minor)
    .setU16(version + 8, build)
    .setU32(version + 12, 2);
  pages.poke(peb, fields.bytes);
}

/** RTL_USER_PROCESS_PARAMETERS as far as the standard handles. */
function processParameters(process: Win32Process): Addr {
  const { word, wide } = process;
  const at = wide ? 0x20 : 0x18;
  return process.datum('process parameters', () => {
    const block = new Struct(0x400).setU32(0, 0x400).setU32(4, 0x400);
    for (const [index, handle] of [0x10n, 0x14n, 0x18n].entries()) {
      block.setWord(at + index * word, word, handle);
    }
    return block.bytes;
  });
}

/** Registers of the thread before its first instruction. */
export function prepareThread(process: Win32Process): void {
  const { engine, wide, stack } = process;
  const general = wide
    ? [
        'rax',
        'rbx',
        'rcx',
        'rdx',
        'rsi',
        'rdi',
        'rbp',
        'r8',
        'r9',
        'r10',
        'r11',
        'r12',
        'r13',
        'r14',
        'r15',
      ]
    : ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp'];
  for (const name of general) engine.writeRegister(name, 0n);
  engine.writeRegister('eflags', EFLAGS);
  engine.writeRegister('mxcsr', 0x1f80n);
  engine.writeRegister('fpcw', 0x27fn);
  process.sp = stack.base - 0x400n;
  beginHandlerChain(process);
  selectTeb(process);
  if (!wide) for (const name of ['ds', 'es', 'ss']) engine.writeRegister(name, USER_DATA);
}

/** DLLs are told, TLS callbacks run, then the program's entry point; where it returns to, the process ends. */
export function* beginMain(process: Win32Process): HostTask<void> {
  const { modules, word, memory, wide, peb } = process;
  for (const module of process.pendingAttach) yield* attach(process, module, 1);
  process.pendingAttach = [];
  yield* runTlsCallbacks(process, modules.main, 1);
  const { entry } = modules.main.content.image;
  const exit = threadEnd(process);
  const sp = ((process.stack.base - 0x400n) & ~0xfn) - BigInt(wide ? 0x28 : 8);
  const frame = new Struct(2 * word).setWord(0, word, exit).setWord(word, word, peb);
  memory.write(sp, frame.bytes);
  process.sp = sp;
  process.engine.writeRegister(wide ? 'rcx' : 'eax', peb);
  process.pc = modules.main.base + BigInt(entry);
  if (entry === 0) throw new ProcessEnded({ kind: 'exit', code: 0 });
}

/** Where the first function of a thread returns to. */
export function threadEnd({ modules }: Win32Process): Addr {
  const ntdll = modules.find('ntdll.dll');
  return (ntdll?.base ?? 0n) + BigInt(ntdll?.exports.byName.get('RtlExitUserThread')?.rva ?? 0);
}
