/**
 * execve: a program takes over a process. Compare fs/exec.c:begin_new_exec() and
 * fs/binfmt_elf.c:load_elf_binary(). Up to the point of no return a failure is an errno and nothing
 * has changed; behind it the process dies by SIGSEGV.
 */

import { READ_IMPLIES_EXEC } from '../../../abi/linux/mman.js';
import { type Addr, type Arch, pageUp } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { decodeText, encodeText } from '../../../base/text.js';
import { causeOfVerdict } from '../../../base/verdict.js';
import { type ElfImage, parseElf } from '../../../formats/elf/image.js';
import { PF_X, PT_GNU_STACK } from '../../../formats/elf/structures.js';
import { elfSymbols } from '../../../formats/elf/symbols.js';
import type { PolicyStack } from '../../../policy/stack.js';
import { mappedFile } from '../fs/mapped-file.js';
import { MAY_EXEC, permits } from '../fs/mode.js';
import { OpenFile } from '../fs/open-file.js';
import { RegularFile } from '../fs/regular-file.js';
import type { AddressSpace } from '../mm/address-space.js';
import { inheritedMdwe } from '../mm/duplicate.js';
import { changeLayout, type Layout } from '../mm/placement/layout.js';
import { armorAddress } from '../mm/placement/wanted-address.js';
import {
  VM_DONTEXPAND,
  VM_EXEC,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
} from '../mm/vmas/vma.js';
import { createSpace } from '../process/space.js';
import { COMM_LENGTH, type Task } from '../process/task.js';
import { becomeOnlyThread } from '../process/thread.js';
import { killOutcome } from '../signals/exceptions.js';
import { imageFacts } from './image-facts.js';
import {
  ANYWHERE,
  type ElfPlace,
  type LoadedElf,
  type LoadResult,
  loadElf,
  maximumAlignment,
} from './load.js';
import { resetRegisters } from './registers.js';
import { sealImage } from './seal-image.js';
import { checkArguments, fillStack } from './stack.js';
import { NO_VDSO, type Vdso, vdsoAt, vdsoPage } from './vdso.js';

export interface ExecRequest {
  /** Absolute, as it was found. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** The program as an open file, which may have no name (execveat). */
  readonly file?: OpenFile;
}

interface ProgramFile {
  readonly file: OpenFile;
  readonly bytes: Uint8Array;
  readonly image: ElfImage;
}

type StackRights = 'enable' | 'disable' | 'default';

/** The file behind a path, if it may be executed. */
export function openProgram(
  { kernel, cwd }: Task,
  path: string,
  given?: OpenFile,
): Result<OpenFile> {
  const found = given === undefined ? kernel.files.walk(cwd, path, true) : ok(given);
  if (!found.ok) return found;
  const { inode } = found.value;
  if (inode === undefined) return fail('ENOENT');
  if (!(inode instanceof RegularFile) || inode.mount.noexec) return fail('EACCES');
  if (!permits(inode, MAY_EXEC)) return fail('EACCES');
  return ok(new OpenFile(inode, found.value.path, 0));
}

function readProgram(task: Task, path: string, given?: OpenFile): Result<ProgramFile> {
  const file = openProgram(task, path, given);
  if (!file.ok) return file;
  const { inode } = file.value;
  const bytes = inode.object === undefined ? new Uint8Array() : inode.object.read(0, inode.size);
  const parsed = parseElf(bytes);
  if (!parsed.ok || parsed.image.arch !== task.arch) return fail('ENOEXEC');
  return ok({ file: file.value, bytes, image: parsed.image });
}

/** EACCES of a policy, a missing interpreter and the like come before anything changes. */
export function execProgram(by: Task, layout: Layout, request: ExecRequest): Result<0> {
  const program = readProgram(by, request.path, request.file);
  if (!program.ok) return program;
  const { image } = program.value;
  const interpreter =
    image.interpreter === undefined ? undefined : readProgram(by, image.interpreter);
  if (interpreter !== undefined && !interpreter.ok) {
    return interpreter.errno === 'ENOEXEC' ? fail('ELIBBAD') : interpreter;
  }
  const room = checkArguments(request, layout.stackLimit, by.abi.word);
  if (!room.ok) return room;
  const { file, bytes } = program.value;
  const facts = imageFacts(request.path, file.inode, image, bytes);
  const policies = by.process.basePolicies.forProgram(facts);
  const ruling = policies.ask('exec', facts, by.policyFacts);
  if (ruling.kind === 'deny') return fail(ruling.errno, causeOfVerdict(ruling));
  if (ruling.kind === 'kill') by.end(killOutcome(by, ruling.signal));

  const task = becomeOnlyThread(by);
  replaceSpace(task, changeLayout(layout, policies.effects), policies, request);
  const started = start(task, program.value, interpreter?.value, request, room.value);
  if (!started.ok) {
    const { errno, cause, what } = started;
    const why = cause === undefined ? {} : { cause };
    task.kernel.record({
      type: 'load-failure',
      pid: task.pid,
      path: request.path,
      what,
      errno,
      ...why,
    });
    task.end(killOutcome(task, 'SIGSEGV'));
  }
  return ok(0);
}

/** begin_new_exec(): the old program is gone. */
function replaceSpace(
  task: Task,
  layout: Layout,
  policies: PolicyStack,
  request: ExecRequest,
): void {
  const { personality, mdwe, limits } = task.mm;
  const { process } = task;
  process.leaveMemory();
  process.policies = policies;
  process.mm = createSpace(task.kernel, layout, policies, () => task.processes.runningOf(task));
  task.mm.personality = task.arch === 'x86-64' ? personality & ~READ_IMPLIES_EXEC : personality;
  task.kernel.meter.charge('exec');
  task.mm.cause = 'exec';
  task.mm.mdwe = inheritedMdwe(mdwe);
  Object.assign(task.mm.limits, limits);
  task.tls = [0n, 0n, 0n];
  task.resetRights();
  task.kernel.engine.setTranslate(task.mm.translate);
  task.signals.resetForExec();
  process.program = request;
  const name = encodeText(request.path.slice(request.path.lastIndexOf('/') + 1));
  task.comm = decodeText(name.subarray(0, COMM_LENGTH - 1));
  task.clearChildTid = 0n;
  task.robustList = 0n;
  for (const [fd] of [...task.files.entries()]) {
    if (task.files.closeOnExec(fd)) task.files.close(fd);
  }
}

function start(
  task: Task,
  { file, bytes, image }: ProgramFile,
  interpreter: ProgramFile | undefined,
  request: ExecRequest,
  room: bigint,
): LoadResult<0> {
  const { mm, kernel } = task;
  prepareStack(task, stackRights(image, task.policies), room);
  const loaded = loadElf(mm, mappedFile(file), image, placeOf(mm.layout, image));
  if (!loaded.ok) return loaded;
  const linker =
    interpreter && loadElf(mm, mappedFile(interpreter.file), interpreter.image, ANYWHERE);
  if (linker !== undefined && !linker.ok) {
    return { ...linker, what: `of its interpreter ${interpreter?.file.path}: ${linker.what}` };
  }
  setBounds(mm, loaded.value, image);
  task.process.returnStub = insertVdso(mm, task.arch);
  const sp = fillStack(mm, task.abi, {
    ...request,
    random: kernel.entropy.bytes(16),
    entry: loaded.value.entry,
    headers: loaded.value.headers,
    headerCount: image.headers.length,
    base: linker?.value.bias ?? 0n,
    systemCall: task.process.returnStub.systemCall,
  });
  if (!sp.ok) return { ...sp, what: 'its arguments cannot be put on the stack' };
  task.process.symbols = elfSymbols(bytes, image.arch, loaded.value.bias);
  resetRegisters(task, linker?.value.entry ?? loaded.value.entry, sp.value);
  if (task.policies.effects.immutableImage) sealImage(mm, [file, interpreter?.file]);
  enterPolicies(task);
  return { ok: true, value: 0 };
}

/** Without a program: a stack, a heap and nothing to run. */
export function prepareIdle(task: Task): void {
  const { mm } = task;
  mm.cause = 'exec';
  prepareStack(task, task.policies.effects.ignoreGnuStack ? 'disable' : 'default', 0n);
  // Where the bss of a small ET_EXEC program would end.
  mm.setBrk((task.arch === 'x86-64' ? 0x404000n : 0x804c000n) + mm.layout.brkGap);
  task.process.returnStub = insertVdso(mm, task.arch);
  const sp = (mm.layout.stackTop - mm.layout.stackOffset - 256n) & ~15n;
  mm.startStack = sp;
  resetRegisters(task, 0n, sp);
  enterPolicies(task);
}

function prepareStack(task: Task, rights: StackRights, room: bigint): void {
  const { mm, kernel } = task;
  if (task.program.path !== '' && readImpliesExec(task, rights)) {
    mm.personality |= READ_IMPLIES_EXEC;
  }
  if (task.policies.effects.ignoreGnuStack) mm.personality &= ~READ_IMPLIES_EXEC;
  const vma = mm.mapStack(room, rights);
  if (vma.flags & VM_EXEC) {
    const name = task.program.path.split('/').slice(-4).join('/');
    kernel.printOnce('exec-stack', `process '${name}' started with executable stack`);
  }
}

/**
 * elf_read_implies_exec() of arch/x86/include/asm/elf.h. Since 5.8 only an i386 program without the
 * header counts as old enough to execute its data; before, whatever did not forbid it.
 */
function readImpliesExec({ arch, policies }: Task, rights: StackRights): boolean {
  if (policies.effects.gnuStack === 'before-5.8') return rights !== 'disable';
  return rights === 'default' && arch === 'i386';
}

function stackRights(image: ElfImage, policies: PolicyStack): StackRights {
  if (policies.effects.ignoreGnuStack) return 'disable';
  const header = image.headers.findLast(({ type }) => type === PT_GNU_STACK);
  if (header === undefined) return 'default';
  return header.flags & PF_X ? 'enable' : 'disable';
}

/** ELF_ET_DYN_BASE before randomisation, page-aligned: the heap of a static PIE begins there. */
function dynamicBase({ arch, kernelBits, taskSize }: Layout): Addr {
  if (arch === 'x86-64') return pageUp((taskSize / 3n) * 2n);
  return kernelBits === 64 ? 0x5655_5000n : 0x40_0000n;
}

/** A PIE with an interpreter has its own place; one without lies where mmap puts it. Both are aligned as they ask. */
function placeOf(layout: Layout, image: ElfImage): ElfPlace {
  const own = image.type === 'ET_DYN' && image.interpreter !== undefined;
  return { base: own ? layout.elfBase : 0n, alignment: maximumAlignment(image) };
}

function setBounds(mm: AddressSpace, loaded: LoadedElf, image: ElfImage): void {
  mm.startCode = loaded.startCode;
  mm.endCode = loaded.endCode;
  mm.startData = loaded.startData;
  mm.endData = loaded.endData;
  const staticPie = image.type === 'ET_DYN' && image.interpreter === undefined;
  mm.setBrk((staticPie ? dynamicBase(mm.layout) : pageUp(loaded.end)) + mm.layout.brkGap);
}

/** i386 only: one page where mmap would put the next executable mapping. */
function insertVdso(mm: AddressSpace, arch: Arch): Vdso {
  if (arch !== 'i386') return NO_VDSO;
  let start = mm.layout.vdso ?? (armorAddress(mm, 1) || pageUp(mm.layout.mmapBase) - 4096n);
  for (let vma = mm.find(start); vma !== undefined; vma = mm.find(start)) start = vma.start - 4096n;
  const rights = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_DONTEXPAND;
  mm.insertSpecial({ start, end: start + 4096n }, rights, '[vdso]', vdsoPage());
  return vdsoAt(start);
}

/** What a policy's opt-in call would have set is set before the first instruction. */
function enterPolicies({ mm, policies }: Task): void {
  const { restrictedWx, mdwe } = policies.effects.mmInit;
  if (restrictedWx) mm.restrictedWx = true;
  if (mdwe) mm.mdwe = mdwe;
}
