/**
 * selinux: the memory permissions of SELinux: execmem, execmod, execheap, execstack, and execute on
 * the file mapped. What is judged is who asks (the domain) and what kind of memory it is, hardly what
 * was done to it before: the one exception is execmod, which asks whether a private page exists.
 * Linux security/selinux/hooks.c:file_map_prot_check(), selinux_mmap_file(), selinux_file_mprotect().
 */
import { MAP_SHARED, MAP_TYPE } from '../../abi/linux/mman.js';
import type { MemoryObject } from '../../memory/object.js';
import { VM_EXEC, VM_SHARED, VM_WRITE, type Vma } from '../../os/linux/mm/vmas/vma.js';
import { compareVersions, type PolicyDefinition, type PolicyOptions } from '../definition.js';
import {
  allow,
  type MapRequest,
  type MmFacts,
  type ProtectRequest,
  type Verdict,
} from '../policy.js';
import { taskOf } from '../task.js';
import { type AuditStyle, type AvcDenial, avcLine } from './avc.js';
import { type Domain, domainOf, type ProcessPermission } from './domains.js';
import { contextOf, labelOf } from './file-contexts.js';
import { rules, selinuxInfo } from './info.js';

/** One permission that the kernel asks for, in its order. */
type Check =
  | { readonly permission: ProcessPermission }
  | { readonly permission: 'execmod' | 'execute'; readonly object: MemoryObject };

interface Settings {
  readonly domain: Domain;
  readonly enforcing: boolean;
  readonly kernel: string;
  /** checkreqprot=1: judge what the program asked for, not what READ_IMPLIES_EXEC made of it. */
  readonly asRequested: boolean;
  readonly style: AuditStyle;
}

function settingsOf(options: PolicyOptions): Settings {
  const kernel = options.value('kernel');
  const check = options.value('checkreqprot');
  const since = (version: string): boolean => compareVersions(kernel, version) >= 0;
  return {
    domain: domainOf(options),
    enforcing: options.value('mode') === 'enforcing',
    kernel,
    asRequested: !since('6.4') && (check === 'auto' ? !since('4.4') : check === '1'),
    style: options.value('audit') as AuditStyle,
  };
}

/** Hidden inodes of shared anonymous memory and SysV shm are skipped since 4.2; before, they were tmpfs files. */
function isPrivateInode({ kernel }: Settings, object: MemoryObject): boolean {
  return object.inodePrivate && compareVersions(kernel, '4.2') >= 0;
}

/** file_map_prot_check(). `access` are the rights wanted. */
function protectionChecks(
  settings: Settings,
  object: MemoryObject | undefined,
  access: number,
  shared: boolean,
): Check[] {
  if (!(access & VM_EXEC)) return [];
  const asAnonymous = object === undefined || isPrivateInode(settings, object);
  const checks: Check[] = [];
  if (asAnonymous || (!shared && access & VM_WRITE)) checks.push({ permission: 'execmem' });
  if (!asAnonymous) checks.push({ permission: 'execute', object });
  return checks;
}

/** selinux_file_mprotect(): what kind of memory becomes executable. Exactly one branch is taken. */
function gainChecks(settings: Settings, vma: Vma, facts: MmFacts): Check[] {
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

function isAllowed({ process, execmod, execute }: Domain, check: Check): boolean {
  switch (check.permission) {
    case 'execmod':
      return execmod(labelOf(check.object));
    case 'execute':
      return execute(labelOf(check.object));
    default:
      return process[check.permission];
  }
}

/** The first check that fails ends the call; in permissive mode each is logged and nothing ends. */
function judge(settings: Settings, checks: readonly Check[], facts: MmFacts): Verdict {
  const failed = checks.filter((check) => !isAllowed(settings.domain, check));
  const [first] = failed;
  if (first === undefined) return allow;
  const line = (check: Check): string =>
    avcLine(denialOf(settings, check), taskOf(facts), settings.style);
  return settings.enforcing
    ? rules.deny('EACCES', first.permission, [line(first)])
    : rules.note(first.permission, failed.map(line));
}

function denialOf({ domain, enforcing, kernel }: Settings, check: Check): AvcDenial {
  const common = {
    permissions: [check.permission],
    sourceContext: domain.context,
    permissive: compareVersions(kernel, '3.17') < 0 ? undefined : !enforcing,
  };
  if (!('object' in check)) {
    return { ...common, targetContext: domain.context, targetClass: 'process' };
  }
  const label = labelOf(check.object);
  return {
    ...common,
    targetContext: contextOf(label),
    targetClass: label.class,
    object: check.object,
  };
}

function onMap(settings: Settings, request: MapRequest, facts: MmFacts): Verdict {
  const access = settings.asRequested ? request.prot : request.flags;
  // MAP_SHARED_VALIDATE counts as private here, as in the kernel.
  const shared = (request.mapFlags & MAP_TYPE) === MAP_SHARED;
  const checks = protectionChecks(settings, request.object, access, shared);
  // The program's own file is the entry point of its domain.
  const counted =
    request.origin === 'exec' ? checks.filter((check) => check.permission !== 'execute') : checks;
  return judge(settings, counted, facts);
}

function onProtect(settings: Settings, vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict {
  const access = settings.asRequested ? request.prot : request.flags;
  const gains = (access & VM_EXEC) !== 0 && !(vma.flags & VM_EXEC);
  const shared = (vma.flags & VM_SHARED) !== 0;
  return judge(
    settings,
    [
      ...(gains ? gainChecks(settings, vma, facts) : []),
      ...protectionChecks(settings, vma.object, access, shared),
    ],
    facts,
  );
}

export const selinux: PolicyDefinition = {
  info: selinuxInfo,
  create(options) {
    const settings = settingsOf(options);
    return {
      name: 'selinux',
      spec: options.spec,
      mmapFile: (request, facts) => onMap(settings, request, facts),
      mprotect: (vma, request, facts) => onProtect(settings, vma, request, facts),
    };
  },
};
