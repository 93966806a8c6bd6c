/** Kernel settings about memory that a host may choose (Documentation/admin-guide/sysctl/vm.rst). */

interface SysctlRange {
  readonly least: number;
  readonly most: number;
}

/** Those that the guest's memory depends on; vm.memfd_noexec is a policy. */
export const SYSCTLS: Readonly<Record<string, SysctlRange>> = {
  'vm.max_map_count': { least: 1, most: 2 ** 31 - 1 },
  'vm.mmap_min_addr': { least: 0, most: 2 ** 31 - 1 },
  // Huge pages of 2 MiB in the pool.
  'vm.nr_hugepages': { least: 0, most: 512 },
  // 0 refuses what exceeds all memory, 1 nothing, 2 what exceeds the commit limit.
  'vm.overcommit_memory': { least: 0, most: 2 },
};

export type Sysctls = ReadonlyMap<string, number>;

/** As /proc/sys names them, with what they hold. */
export function sysctlFiles(given: Sysctls): Record<string, string> {
  return Object.fromEntries(
    [...given].map(([name, value]) => [name.replace('.', '/'), String(value)]),
  );
}
