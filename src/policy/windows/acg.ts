/**
 * acg: Arbitrary Code Guard of Windows (ProcessDynamicCodePolicy): a process may execute images that
 * the loader maps, and can neither make new executable memory nor change existing code. Judged is the
 * process that calls, not the one whose memory it is. For Windows guests only.
 * Microsoft documentation of PROCESS_MITIGATION_DYNAMIC_CODE_POLICY.
 */
import { onOff, type PolicyDefinition, Rules } from '../definition.js';
import { allow, type Verdict } from '../policy.js';

const rules = new Rules('acg', {
  'new-code': 'a process under ACG may not create executable memory',
  'gain-exec': 'a process under ACG may not make memory executable',
  'write-exec': 'a process under ACG may not make memory writable and executable',
  'write-code': 'a process under ACG may not make the code of an image writable',
});

/** STATUS_DYNAMIC_CODE_BLOCKED; Win32 ERROR_DYNAMIC_CODE_BLOCKED is 1655. */
export const STATUS_DYNAMIC_CODE_BLOCKED = 0xc0000604;
export const ERROR_DYNAMIC_CODE_BLOCKED = 1655;

type Id = 'new-code' | 'gain-exec' | 'write-exec' | 'write-code';

function blocked(audit: boolean, id: Id): Verdict {
  return audit ? rules.note(id) : rules.refuse('EACCES', STATUS_DYNAMIC_CODE_BLOCKED, id);
}

/** What ACG is asked about: memory that is about to be made, or to get another protection (PAGE_*). */
export interface DynamicCodeRequest {
  readonly what: 'allocate' | 'protect' | 'view';
  /** Undefined for new memory, as views always are. */
  readonly before: number | undefined;
  readonly after: number;
  readonly image: boolean;
}

const PROHIBIT = 1;
const ALLOW_THREAD_OPT_OUT = 2;
const ALLOW_REMOTE_DOWNGRADE = 4;
const AUDIT = 8;
const ANY_EXECUTE = 0xf0;
const ANY_WRITE = 0xcc;
const EXECUTE_AND_WRITE = 0xc0;

/** The process's PROCESS_MITIGATION_DYNAMIC_CODE_POLICY says whether it is asked at all, and what comes of it. */
export function judgeDynamicCode(
  state: { readonly dynamicCode: number; readonly threadOptsOut: boolean },
  request: DynamicCodeRequest,
): Verdict {
  const enforced = (state.dynamicCode & PROHIBIT) !== 0;
  if (state.threadOptsOut || (!enforced && !(state.dynamicCode & AUDIT))) return allow;
  const id = violation(request);
  return id === undefined ? allow : blocked(!enforced, id);
}

function violation({ before, after, image }: DynamicCodeRequest): Id | undefined {
  const isCode = ((before ?? 0) & ANY_EXECUTE) !== 0;
  if (after & ANY_EXECUTE) {
    if (before === undefined) return 'new-code';
    if (!isCode) return 'gain-exec';
    return after & EXECUTE_AND_WRITE ? 'write-exec' : undefined;
  }
  return isCode && image && after & ANY_WRITE ? 'write-code' : undefined;
}

export const acg: PolicyDefinition = {
  info: {
    name: 'acg',
    summary: 'Arbitrary Code Guard: no new executable memory, error 1655 (Windows 10)',
    os: ['windows'],
    optIn:
      'SetProcessMitigationPolicy(ProcessDynamicCodePolicy) with ProhibitDynamicCode, by the program itself or its parent; one way.',
    options: [
      onOff('audit', 'off', 'AuditProhibitDynamicCode: note what would be blocked, and allow it'),
      onOff(
        'optout',
        'off',
        'AllowThreadOptOut: a thread may except itself (SetThreadInformation)',
      ),
      onOff('remote', 'off', 'AllowRemoteDowngrade: the policy may be taken back after it was set'),
    ],
    rules: rules.table,
    description: [
      "Blocked with STATUS_DYNAMIC_CODE_BLOCKED (0xC0000604; GetLastError 1655): VirtualAlloc with any EXECUTE protection, an executable view of a section that is no image, VirtualProtect to an EXECUTE protection from one without, to EXECUTE_READWRITE or EXECUTE_WRITECOPY from any, and of an image's code to a writable one.",
      'Allowed: loading images, and VirtualProtect that takes rights away. Memory that was executable before the policy came stays so.',
      'Errors of the arguments come first, then this one, then address and overlap.',
    ].join('\n'),
    history:
      'In the structures of Windows 8.1, enforced from Windows 10 1607 and 1703 on. Edge moved its JIT compiler into another process for it in 2017.',
    workarounds: [
      'A process without ACG that maps a section executable into this one (out-of-process JIT).',
      'AllowThreadOptOut, and SetThreadInformation(ThreadDynamicCodePolicy) in the thread that compiles.',
      'Executable memory made before the policy is set.',
    ],
    why: "Memory that nobody can write and execute cannot be filled with an attacker's code: under ACG all code comes from images, whose signatures can be checked, and a bug in the program can at most reuse that.",
    switches: [
      {
        text: 'Set-ProcessMitigation -Name PROGRAM -Disable BlockDynamicCode -Enable AuditDynamicCode',
        set: { audit: 'on' },
      },
      { text: 'Set-ProcessMitigation -Name PROGRAM -Disable BlockDynamicCode', gone: true },
    ],
    source: [
      'Microsoft: PROCESS_MITIGATION_DYNAMIC_CODE_POLICY; SetProcessMitigationPolicy',
      'Microsoft Edge: Mitigating arbitrary native code execution (2017)',
    ],
    deviations: [
      'Whether private executable memory may become plainly writable is not verified; here it may.',
      'Who takes the policy back under AllowRemoteDowngrade is not told apart: a call of the process itself stands for that of another process.',
    ],
  },
  create(options) {
    const audit = options.on('audit');
    const mode = audit ? AUDIT : PROHIBIT;
    const optOut = options.on('optout') ? ALLOW_THREAD_OPT_OUT : 0;
    const remote = options.on('remote') ? ALLOW_REMOTE_DOWNGRADE : 0;
    return {
      name: 'acg',
      spec: options.spec,
      effects: { nx: true, dynamicCode: mode | optOut | remote },
    };
  },
};
