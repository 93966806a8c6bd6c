/**
 * selinux: the memory permissions of SELinux: execmem, execmod, execheap, execstack, and execute on
 * the file mapped. What is judged is who asks (the domain) and what kind of memory it is, hardly what
 * was done to it before: the one exception is execmod, which asks whether a private page exists.
 * Linux security/selinux/hooks.c:file_map_prot_check(), selinux_mmap_file(), selinux_file_mprotect().
 */
import { compareVersions, type PolicyDefinition, type PolicyOptions } from '../definition.js';
import { allow, type MmFacts, type Verdict } from '../policy.js';
import { taskOf } from '../task.js';
import { type AuditStyle, type AvcDenial, avcLine } from './avc.js';
import { type CheckSettings, mapChecks, type PermissionCheck, protectChecks } from './checks.js';
import { type Domain, domainOf } from './domains.js';
import { contextOf, labelOf } from './file-contexts.js';
import { rules, selinuxInfo } from './info.js';

interface Settings extends CheckSettings {
  readonly domain: Domain;
  readonly enforcing: boolean;
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

function isAllowed({ process, execmod, execute }: Domain, check: PermissionCheck): boolean {
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
function judge(settings: Settings, checks: readonly PermissionCheck[], facts: MmFacts): Verdict {
  const failed = checks.filter((check) => !isAllowed(settings.domain, check));
  const [first] = failed;
  if (first === undefined) return allow;
  const line = (check: PermissionCheck): string =>
    avcLine(denialOf(settings, check), taskOf(facts), settings.style);
  return settings.enforcing
    ? rules.deny('EACCES', first.permission, [line(first)])
    : rules.note(first.permission, failed.map(line));
}

function denialOf({ domain, enforcing, kernel }: Settings, check: PermissionCheck): AvcDenial {
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

export const selinux: PolicyDefinition = {
  info: selinuxInfo,
  create(options) {
    const settings = settingsOf(options);
    return {
      name: 'selinux',
      spec: options.spec,
      mmapFile: (request, facts) => judge(settings, mapChecks(settings, request), facts),
      mprotect: (vma, request, facts) =>
        judge(settings, protectChecks(settings, vma, request, facts), facts),
    };
  },
};
