/**
 * Which permissions SELinux asks for when memory is mapped or changed, in its order; whether the domain has them is
 * for others to say (a preset, or a database in the memory of a kernel).
 * Linux security/selinux/hooks.c:file_map_prot_check(), selinux_mmap_file(), selinux_file_mprotect().
 */
import { MAP_SHARED, MAP_TYPE } from '../../abi/linux/mman.js';
import type { MemoryObject } from '../../memory/object.js';
import { VM_EXEC, VM_SHARED, VM_WRITE, type Vma } from '../../os/linux/mm/vmas/vma.js';
import { compareVersions } from '../definition.js';
import type { MapRequest, MmFacts, ProtectRequest } from '../policy.js';
import type { ProcessPermission } from './domains.js';

/** One permission that the kernel asks for. */
export type PermissionCheck =
  | { readonly permission: ProcessPermission }
  | { readonly permission: 'execmod' | 'execute'; readonly object: MemoryObject };

export interface CheckSettings {
  /** Version of the kernel. */
  readonly kernel: string;
  /** checkreqprot=1: judge what the program asked for, not what READ_IMPLIES_EXEC made of it. */
  readonly asRequested: boolean;
}

/** Hidden inodes of shared anonymous memory and SysV shm are skipped since 4.2; before, they were tmpfs files. */
function isPrivateInode({ kernel }: CheckSettings, object: MemoryObject): boolean {
  return object.inodePrivate && compareVersions(kernel, '4.2') >= 0;
}

/** file_map_prot_check(). `access` are the rights wanted. */
function protectionChecks(
  settings: CheckSettings,
  object: MemoryObject | undefined,
  access: number,
  shared: boolean,
): PermissionCheck[] {
  if (!(access & VM_EXEC)) return [];
  const asAnonymous = object === undefined || isPrivateInode(settings, object);
  const checks: PermissionCheck[] = [];
  if (asAnonymous || (!shared && access & VM_WRITE)) checks.push({ permission: 'execmem' });
  if (!asAnonymous) checks.push({ permission: 'execute', object });
  return checks;
}

/** selinux_file_mprotect(): what kind of memory becomes executable. Exactly one branch is taken. */
function gainChecks(settings: CheckSettings, vma: Vma, facts: MmFacts): PermissionCheck[] {
  if (isHeap(settings.kernel, vma, facts)) return [{ permission: 'execheap' }];
  if (vma.object === undefined) {
    return holds(vma, facts.startStack) || holds(vma, facts.stackPointer)
      ? [{ permission: 'execstack' }]
      : [];
  }
  return vma.anonVma && !isPrivateInode(settings, vma.object)
    ? [{ permission: 'execmod', object: vma.object }]
    : [];
}

/** Within [start_brk, brk]. From 6.6 to 6.10 touching it was enough, so that a neighbour was taken for heap. */
function isHeap(kernel: string, vma: Vma, { startBrk, brk }: MmFacts): boolean {
  if (compareVersions(kernel, '6.6') >= 0 && compareVersions(kernel, '6.11') < 0) {
    return vma.start <= brk && vma.end >= startBrk;
  }
  return vma.start >= startBrk && vma.end <= brk;
}

/** Both edges included, as in vma_is_stack_for_current(). */
function holds(vma: Vma, address: bigint): boolean {
  return vma.start <= address && address <= vma.end;
}

/** selinux_mmap_file(). */
export function mapChecks(settings: CheckSettings, request: MapRequest): PermissionCheck[] {
  const access = settings.asRequested ? request.prot : request.flags;
  // MAP_SHARED_VALIDATE counts as private here, as in the kernel.
  const shared = (request.mapFlags & MAP_TYPE) === MAP_SHARED;
  const checks = protectionChecks(settings, request.object, access, shared);
  // The program's own file is the entry point of its domain.
  return request.origin === 'exec'
    ? checks.filter((check) => check.permission !== 'execute')
    : checks;
}

/** selinux_file_mprotect(). */
export function protectChecks(
  settings: CheckSettings,
  vma: Vma,
  request: ProtectRequest,
  facts: MmFacts,
): PermissionCheck[] {
  const access = settings.asRequested ? request.prot : request.flags;
  const gains = (access & VM_EXEC) !== 0 && !(vma.flags & VM_EXEC);
  const shared = (vma.flags & VM_SHARED) !== 0;
  return [
    ...(gains ? gainChecks(settings, vma, facts) : []),
    ...protectionChecks(settings, vma.object, access, shared),
  ];
}
