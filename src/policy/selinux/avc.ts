/**
 * AVC lines: what SELinux writes into the audit log or, without auditd, into the kernel log.
 * Linux security/selinux/avc.c:avc_audit_pre_callback(), avc_audit_post_callback();
 * security/lsm_audit.c:dump_common_audit_data(); kernel/audit.c:audit_log_untrustedstring().
 */
import type { MemoryObject } from '../../memory/object.js';
import type { TaskFacts } from '../policy.js';

export interface AvcDenial {
  /** In the order of the class's permission bits. */
  readonly permissions: readonly string[];
  readonly sourceContext: string;
  readonly targetContext: string;
  readonly targetClass: string;
  /** The file concerned, for file classes. */
  readonly object?: MemoryObject | undefined;
  /** True: logged, yet allowed. Undefined: a kernel older than 3.17, which does not say. */
  readonly permissive?: boolean | undefined;
}

export type AuditStyle = 'kernel' | 'auditd';

/** AUDIT_AVC (include/uapi/linux/audit.h). */
const AUDIT_AVC = 1400;

export function avcLine(denial: AvcDenial, task: TaskFacts, style: AuditStyle): string {
  const { seconds, milliseconds } = task.now;
  const stamp = `audit(${seconds}.${String(milliseconds).padStart(3, '0')}:${task.auditSerial})`;
  const head = style === 'auditd' ? `type=AVC msg=${stamp}` : `audit: type=${AUDIT_AVC} ${stamp}`;
  // The double spaces are the kernel's.
  return [
    `${head}: avc:  denied  { ${denial.permissions.join(' ')} } for  pid=${task.pid}`,
    `comm=${auditString(task.comm)}`,
    ...objectFields(denial.object),
    `scontext=${denial.sourceContext} tcontext=${denial.targetContext} tclass=${denial.targetClass}`,
    ...(denial.permissive === undefined ? [] : [`permissive=${denial.permissive ? 1 : 0}`]),
  ].join(' ');
}

/** Quoted; or in bare upper-case hexadecimal when a space, quote or unprintable byte is in it. */
export function auditString(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const plain = bytes.every((byte) => byte >= 0x21 && byte <= 0x7e && byte !== 0x22);
  if (plain) return `"${text}"`;
  return [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('');
}

function objectFields(object: MemoryObject | undefined): string[] {
  if (object === undefined) return [];
  const { path, inode, superblock = 'tmpfs' } = object;
  return [`path=${auditString(path)}`, `dev=${auditString(superblock)}`, `ino=${inode}`];
}
