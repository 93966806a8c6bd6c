/**
 * What an SELinux domain is allowed, from a preset, its booleans and explicit permissions.
 * Fedora selinux-policy: policy/modules/system/unconfined.if:unconfined_domain_noaudit(),
 * kernel/files.te and kernel/devices.te (execmod), contrib/wine.te, contrib/apache.te,
 * dist/targeted/booleans.conf (defaults) and dist/booleans.subs_dist (old names of booleans).
 */
import { ownEntry } from '../../base/own-entry.js';
import type { SecurityLabel } from '../../memory/object.js';
import type { OptionInfo, PolicyOptions } from '../definition.js';
import { onOff } from '../definition.js';
import { isSystemCode } from './file-contexts.js';

export type ProcessPermission = 'execmem' | 'execheap' | 'execstack';

export interface Domain {
  /** Security context of the process. */
  readonly context: string;
  readonly process: Readonly<Record<ProcessPermission, boolean>>;
  execmod(label: SecurityLabel): boolean;
  execute(label: SecurityLabel): boolean;
}

const DOMAINS = ['unconfined-default', 'unconfined-strict', 'confined', 'wine'] as const;
type DomainName = (typeof DOMAINS)[number];

const UNCONFINED = 'unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023';
const CONTEXTS: Readonly<Record<DomainName, string>> = {
  'unconfined-default': UNCONFINED,
  'unconfined-strict': UNCONFINED,
  confined: 'system_u:system_r:httpd_t:s0',
  wine: 'unconfined_u:unconfined_r:wine_t:s0-s0:c0.c1023',
};

/** A boolean under its names; `inverted` ones forbid when on. */
interface BooleanInfo {
  readonly permission: 'execmem' | 'execmod' | 'execheap' | 'execstack';
  readonly inverted?: true;
  readonly default: 'on' | 'off';
  readonly era: string;
}

const BOOLEANS: Readonly<Record<string, BooleanInfo>> = {
  allow_execmem: { permission: 'execmem', default: 'on', era: 'RHEL 5 and 6' },
  allow_execmod: { permission: 'execmod', default: 'on', era: 'RHEL 5 and 6' },
  allow_execheap: { permission: 'execheap', default: 'off', era: 'RHEL 5 and 6' },
  allow_execstack: { permission: 'execstack', default: 'on', era: 'RHEL 5 and 6' },
  deny_execmem: { permission: 'execmem', inverted: true, default: 'off', era: 'Fedora 18, RHEL 7' },
  selinuxuser_execmod: { permission: 'execmod', default: 'on', era: 'Fedora 18, RHEL 7' },
  selinuxuser_execheap: { permission: 'execheap', default: 'off', era: 'Fedora 18, RHEL 7' },
  selinuxuser_execstack: { permission: 'execstack', default: 'on', era: 'Fedora 18, RHEL 7' },
};

function permission(name: string, what: string): OptionInfo {
  return {
    name,
    summary: `${what}; 'domain' leaves it to the domain and its booleans`,
    values: ['allow', 'deny', 'domain'],
    default: 'domain',
  };
}

export const DOMAIN_OPTIONS: readonly OptionInfo[] = [
  {
    name: 'domain',
    summary:
      'who runs: unconfined_t as shipped, the same with the execmod boolean off, a confined service (httpd_t), or wine_t',
    values: DOMAINS,
    default: 'unconfined-default',
  },
  permission(
    'execmem',
    'anonymous memory executable, or private file memory writable and executable',
  ),
  permission(
    'execmod',
    'a private file mapping executable after it was written, for every file and device',
  ),
  permission('execheap', 'heap memory executable'),
  permission('execstack', 'a stack executable by mprotect'),
  permission('execute', 'files other than programs and libraries mapped executable'),
  ...Object.entries(BOOLEANS).map(([name, { permission: what, inverted, default: preset, era }]) =>
    onOff(
      name,
      preset,
      `boolean of ${era}: ${inverted ? 'on forbids' : 'on allows'} ${what} to unconfined domains`,
    ),
  ),
  onOff('httpd_execmem', 'off', 'boolean: on allows execmem and execstack to the confined service'),
];

/** Only booleans that the spec names count; of several for one permission, the last. */
function booleanOf(options: PolicyOptions, wanted: BooleanInfo['permission']): boolean | undefined {
  let allowed: boolean | undefined;
  for (const [name, value] of options.given) {
    const info = ownEntry(BOOLEANS, name);
    if (info?.permission === wanted) allowed = (value === 'on') !== (info.inverted === true);
  }
  return allowed;
}

/** The permission option when it says allow or deny, else what the domain has. */
function decide(options: PolicyOptions, name: string, ofDomain: boolean): boolean {
  const value = options.value(name);
  return value === 'domain' ? ofDomain : value === 'allow';
}

function processPermission(
  options: PolicyOptions,
  domain: DomainName,
  name: ProcessPermission,
): boolean {
  switch (domain) {
    case 'confined':
      return decide(options, name, name !== 'execheap' && options.on('httpd_execmem'));
    case 'wine':
      return decide(options, name, true);
    default:
      return decide(options, name, booleanOf(options, name) ?? name !== 'execheap');
  }
}

/** execmod on a file of some label. The boolean of unconfined domains covers files, never devices. */
function execmodOf(options: PolicyOptions, domain: DomainName): Domain['execmod'] {
  const explicit = options.value('execmod');
  if (explicit !== 'domain') return () => explicit === 'allow';
  const files =
    domain === 'wine' ||
    (domain !== 'confined' && (booleanOf(options, 'execmod') ?? domain !== 'unconfined-strict'));
  return (label) => label.type === 'textrel_shlib_t' || (files && label.class === 'file');
}

export function domainOf(options: PolicyOptions): Domain {
  const name = options.value('domain') as DomainName;
  const executeAny = decide(options, 'execute', name !== 'confined');
  return {
    context: CONTEXTS[name],
    process: {
      execmem: processPermission(options, name, 'execmem'),
      execheap: processPermission(options, name, 'execheap'),
      execstack: processPermission(options, name, 'execstack'),
    },
    execmod: execmodOf(options, name),
    execute: (label) => executeAny || isSystemCode(label),
  };
}
