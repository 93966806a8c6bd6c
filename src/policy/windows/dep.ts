/**
 * dep: Data Execution Prevention of Windows: the NX bit, by process. No call is refused; what DEP
 * decides is whether a fetch needs an EXECUTE protection, from the boot option, the image's mark and
 * SetProcessDEPPolicy. For Windows guests only.
 * Microsoft documentation of DEP, SetProcessDEPPolicy, GetSystemDEPPolicy and IMAGE_DLLCHARACTERISTICS.
 */
import type { Cause } from '../../base/verdict.js';
import { onOff, type PolicyDefinition, type PolicyTarget, Rules } from '../definition.js';
import type { DepMode } from '../effects.js';

const rules = new Rules('dep', {
  'no-exec': 'DEP is on for the process, and the page has no EXECUTE protection',
});

/** What is behind a fetch that DEP stops. */
export const noExecCause: Cause = {
  kind: 'noted',
  policy: 'dep',
  rule: 'dep/no-exec',
  reason: 'DEP is on for the process, and the page has no EXECUTE protection',
};

export const DEP_MODES = ['alwaysoff', 'alwayson', 'optin', 'optout'] as const;

/** IMAGE_DLLCHARACTERISTICS_NX_COMPAT. */
export const NX_COMPAT = 0x0100;

export interface DepState {
  readonly on: boolean;
  /** It can no longer be changed. */
  readonly permanent: boolean;
  readonly atlThunks: boolean;
}

/** The state of a new process. Programs for 64 bits always have DEP. */
export function initialDep(
  mode: DepMode,
  arch: PolicyTarget['arch'],
  characteristics: number,
  exempt = false,
): DepState {
  if (arch === 'x86-64') return { on: true, permanent: true, atlThunks: false };
  const compatible = (characteristics & NX_COMPAT) !== 0;
  switch (mode) {
    case 'alwaysoff':
      return { on: false, permanent: true, atlThunks: true };
    case 'alwayson':
      return { on: true, permanent: true, atlThunks: true };
    case 'optin':
      return { on: compatible, permanent: compatible, atlThunks: true };
    case 'optout':
      return { on: !exempt, permanent: compatible && !exempt, atlThunks: true };
  }
}

export const dep: PolicyDefinition = {
  info: {
    name: 'dep',
    summary: 'Data Execution Prevention: NX by process, with opt-in and opt-out (Windows)',
    os: ['windows'],
    optIn:
      'Boot option nx=; for a 32-bit program the mark NX_COMPAT (linker option /NXCOMPAT), SetProcessDEPPolicy(PROCESS_DEP_ENABLE), or the exemption list of opt-out. Programs for 64 bits always have it.',
    options: [
      {
        name: 'mode',
        summary: 'boot option nx=: optin is the default of Windows clients, optout of servers',
        values: DEP_MODES,
        default: 'optin',
      },
      {
        name: 'exempt',
        summary:
          'a program that the user has taken off the list of optout, by the name of its file',
        values: ['none', 'program.exe'],
        pattern: /^[\w .-]+$/,
        default: 'none',
      },
      onOff(
        'atl',
        'on',
        'thunks of the ATL library are carried out at the fault (32-bit programs)',
      ),
      onOff(
        'safeseh',
        'on',
        "a handler of a 32-bit frame runs only where its image's table has it, and outside of images only without DEP",
      ),
      onOff(
        'sehop',
        'off',
        'no handler of a 32-bit frame runs unless the list of them is whole, to its end in ntdll',
      ),
    ],
    rules: rules.table,
    description: [
      'DEP refuses no call. With DEP on, a fetch from a page without one of the EXECUTE protections raises EXCEPTION_ACCESS_VIOLATION (0xC0000005) with parameters 8 and the address; with DEP off every readable page executes, while VirtualQuery still reports what was asked for.',
      '64-bit programs: always on. 32-bit programs: alwayson and optout on, alwaysoff off, optin on for images marked NX_COMPAT.',
      'SetProcessDEPPolicy: 50 in a 64-bit program; 87 for unknown flags; 5 once the setting is permanent (by mark, by boot option, or by an earlier call that enabled it).',
      'SafeSEH (software DEP of XP SP2; 32-bit): no handler on the stack runs, in an image with a table only those in it, and with DEP none outside of images. The process flags ExecuteDispatchEnable (0x10) and ImageDispatchEnable (0x20), set without DEP, allow the latter.',
      'SEHOP (Vista SP1; on by default on servers): before the first handler is asked, the list is followed to its end; if it is not whole, none runs.',
      'ATL thunks (mov dword [esp+4], imm; jmp) in non-executable memory are recognised at the fault and carried out, unless the program declined.',
    ].join('\n'),
    history:
      'Windows XP SP2 (2004) and Server 2003 SP1, on processors with NX and PAE kernels. The default heap is not executable since. Applications of the time broke on ATL thunks and copy protection, hence the emulation and the exemptions.',
    workarounds: [
      'VirtualAlloc or VirtualProtect with PAGE_EXECUTE_READWRITE, or RW and later EXECUTE_READ.',
      'HeapCreate(HEAP_CREATE_ENABLE_EXECUTE).',
      'SetProcessDEPPolicy(0) before it is permanent.',
    ],
    why: 'Data that an attacker wrote (a string on the stack, a block of the heap) is not to be run as code: only memory for which the program asked for execution is.',
    switches: [
      {
        text: 'the program on the exemption list (System Properties, Data Execution Prevention; boot option nx=OptOut)',
        set: { mode: 'optout', exempt: 'PROGRAM' },
      },
      {
        text: 'the program linked with /NXCOMPAT:NO, and the boot option nx=OptIn',
        set: { mode: 'optin' },
      },
      { text: 'bcdedit /set nx AlwaysOff', set: { mode: 'alwaysoff' } },
    ],
    source: [
      'A. Sotirov and M. Dowd, Bypassing Browser Memory Protections (2008): RtlIsValidHandler; Microsoft Security Research and Defense, Preventing the Exploitation of SEH Overwrites with SEHOP (2009)',
      'Microsoft: Data Execution Prevention; SetProcessDEPPolicy; GetSystemDEPPolicy; PE format, DLL characteristics',
    ],
    deviations: ['The DLLs that switched DEP off in XP are not modelled.'],
  },
  create(options) {
    const exempt = options.value('exempt');
    return {
      name: 'dep',
      spec: options.spec,
      effects: {
        depMode: options.value('mode') as DepMode,
        atlThunks: options.on('atl'),
        safeSeh: options.on('safeseh'),
        sehop: options.on('sehop'),
        ...(exempt === 'none' ? {} : { depExempt: [exempt] }),
      },
    };
  },
};
