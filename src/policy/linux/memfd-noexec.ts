/**
 * memfd-noexec: the sysctl vm.memfd_noexec (Linux 6.3), which makes memfds files that cannot be
 * executed. It concerns execve alone: memory of such a file may be mapped executable as ever.
 * Linux mm/memfd.c:check_sysctl_memfd_noexec(), memfd_create().
 */
import { fail, ok, type Result } from '../../base/result.js';
import type { PolicyDefinition } from '../definition.js';

export const MFD_NOEXEC_SEAL = 0x8;
export const MFD_EXEC = 0x10;

export type MemfdNoexec = 0 | 1 | 2;

export interface MemfdDecision {
  /** The flags that count, one of MFD_EXEC and MFD_NOEXEC_SEAL among them. */
  readonly flags: number;
  readonly log: readonly string[];
}

/**
 * memfd_create's flags under the sysctl: the flag added when none was given (0: MFD_EXEC, 1 and 2:
 * MFD_NOEXEC_SEAL), and at level 2 EACCES for whoever did not ask for MFD_NOEXEC_SEAL. `flags` are
 * known to be valid otherwise. Of the lines, the one about missing flags is printed once per boot.
 */
export function memfdFlags(
  flags: number,
  level: MemfdNoexec,
  task: { readonly comm: string; readonly pid: number },
): Result<MemfdDecision> & { readonly log?: readonly string[] } {
  const asks = flags & (MFD_EXEC | MFD_NOEXEC_SEAL);
  if (asks === (MFD_EXEC | MFD_NOEXEC_SEAL)) return fail('EINVAL');
  const who = `${task.comm}[${task.pid}]`;
  const log =
    asks === 0 ? [`${who}: memfd_create() called without MFD_EXEC or MFD_NOEXEC_SEAL set`] : [];
  const counted = asks === 0 ? flags | (level === 0 ? MFD_EXEC : MFD_NOEXEC_SEAL) : flags;
  if (level === 2 && !(counted & MFD_NOEXEC_SEAL)) {
    return {
      ...fail('EACCES'),
      log: [...log, `${who}: memfd_create() requires MFD_NOEXEC_SEAL with vm.memfd_noexec=2`],
    };
  }
  return ok({ flags: counted, log });
}

export const memfdNoexec: PolicyDefinition = {
  info: {
    name: 'memfd-noexec',
    summary: 'vm.memfd_noexec: memfds that execve refuses (and mmap does not)',
    os: ['linux', 'wine'],
    optIn: 'sysctl vm.memfd_noexec, for each pid namespace; it can be raised, not lowered.',
    options: [
      {
        name: 'level',
        summary:
          '0: a memfd without MFD_EXEC or MFD_NOEXEC_SEAL counts as MFD_EXEC; 1: as MFD_NOEXEC_SEAL; 2: MFD_EXEC is refused',
        values: ['0', '1', '2'],
        default: '1',
      },
    ],
    rules: {},
    description: [
      'A memfd made with MFD_NOEXEC_SEAL has mode 0666 and the seal F_SEAL_EXEC: it can be sealed further, and neither fchmod nor execve makes a program of it.',
      'Level 1 makes that the default, level 2 refuses MFD_EXEC with EACCES. (In 6.3 to 6.5 level 2 also refused callers that gave neither flag.)',
      'mmap of such a memfd with PROT_EXEC is allowed: two views of it, one writable and one executable, run code under every level.',
    ].join('\n'),
    why: 'A memfd is a program without a file: on systems where every executable file is checked it would be the way around.',
    history:
      'Linux 6.3 (2023), after memfds had been used to run programs on systems without a writable executable mount. Meant for execve; the name suggests more than it does.',
    workarounds: ['mmap the memfd with PROT_EXEC.', 'Level 1: ask for MFD_EXEC.'],
    source: ['Linux mm/memfd.c:check_sysctl_memfd_noexec(), memfd_create()'],
    deviations: [
      'An addition of this project: the real system has it beside any policy. By default the level is 0; naming the policy means 1.',
    ],
  },
  create: (options) => ({
    name: 'memfd-noexec',
    spec: options.spec,
    effects: { memfdNoexec: Number(options.value('level')) as MemfdNoexec },
  }),
};
