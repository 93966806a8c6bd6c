/**
 * Labels of files by their path, in the manner of a file_contexts file: the few types that decide
 * whether code may run. For files that nobody labelled.
 * Fedora selinux-policy, policy/modules/kernel/{files,devices,corecommands}.fc, system/libraries.fc.
 */
import type { MemoryObject, SecurityLabel } from '../../memory/object.js';

/** First match wins. */
const RULES: readonly (readonly [pattern: RegExp, type: string])[] = [
  [/^\/memfd:/, 'user_tmp_t'],
  [/^\/(dev\/shm|tmp|var\/tmp)\//, 'user_tmp_t'],
  [/^\/dev\/zero$/, 'zero_device_t'],
  [/^\/dev\/null$/, 'null_device_t'],
  [/^\/dev\//, 'device_t'],
  [/^\/(usr\/)?lib(32|64)?\/(.*\/)?ld-[^/]*\.so/, 'ld_so_t'],
  [/^\/(usr\/)?lib(32|64)?\//, 'lib_t'],
  [/^\/(usr\/)?(local\/)?s?bin\//, 'bin_t'],
  [/^\/program$/, 'bin_t'],
  [/^\/usr\//, 'usr_t'],
  [/^\/etc\//, 'etc_t'],
  [/^\/home\//, 'user_home_t'],
  [/^\/(var\/)?www\//, 'httpd_sys_content_t'],
];

export function labelByPath(path: string): SecurityLabel {
  const type = RULES.find(([pattern]) => pattern.test(path))?.[1] ?? 'default_t';
  return {
    type,
    class: /^\/dev\/(zero|null|full|random|urandom)$/.test(path) ? 'chr_file' : 'file',
  };
}

/** The object's own label, or one by its path when it has none. */
export function labelOf(object: MemoryObject): SecurityLabel {
  return object.label.type === 'unlabeled_t' ? labelByPath(object.path) : object.label;
}

/** Programs and libraries: what every domain may execute. */
export function isSystemCode({ type }: SecurityLabel): boolean {
  return (
    ['bin_t', 'lib_t', 'ld_so_t', 'textrel_shlib_t', 'shell_exec_t', 'usr_t'].includes(type) ||
    type.endsWith('_exec_t')
  );
}

/** The full context of a file, for log lines. */
export function contextOf({ type }: SecurityLabel): string {
  const owner = type.startsWith('user_') ? 'unconfined_u' : 'system_u';
  return `${owner}:object_r:${type}:s0`;
}
