/** `mayexec probe`: the probe in the sandbox, or as an executable for another machine. */
import { basename } from 'node:path';
import {
  type Arch,
  formatProbe,
  outcomeOf,
  type ProbeResults,
  probeExperiments,
  probeProgram,
  runProbe,
  unknownValue,
} from '../../index.js';
import type { Command, Given } from '../arguments.js';
import { writeOutput } from '../host/file.js';
import { archOf } from '../program/open.js';
import { toJson } from '../report/json.js';
import { stdout } from '../terminal/output.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { type Terminal, terminalOf } from '../terminal/terminal.js';

export const probe: Command = {
  name: 'probe',
  summary: 'try every way to get memory executed, here under a policy or on another machine',
  usage: '[EXPERIMENTS...] [OPTIONS]',
  options: [
    { name: 'policy', value: 'SPEC', help: 'default nx, of windows dep; see mayexec policies' },
    { name: 'os', value: 'OS', help: 'linux (the default), windows or wine' },
    { name: 'arch', value: 'ARCH', help: 'x86-64 (the default) or i386' },
    {
      name: 'cpu',
      value: 'CPU',
      help: 'x86-64-v2 with flags (the default), x86-64, x86-64-v3; see mayexec run --help',
    },
    {
      name: 'emit',
      value: 'FILE',
      help: 'write the probe as an executable instead: static ELF, or PE',
    },
    { name: 'raw', help: 'print what the probe prints: what mayexec identify reads' },
    { name: 'json', help: 'print one JSON object instead of a table' },
  ],
  details: [
    'Each experiment runs in a process of its own. A result is ok, or the step that failed with its errno',
    '(mprotect:r-x EACCES) or the signal that ended it; a number behind ok is what was found.',
    '',
    'The executable needs no privileges and no libraries, takes names of experiments as arguments, and',
    'leaves nothing behind: run it on the machine in question, and give its output to mayexec identify.',
    '',
    'For Windows and Wine it is one PE file, which tries VirtualAlloc, VirtualProtect, heaps, sections, DEP and',
    'ACG in one process: a result is the error (VirtualProtect:RX 5) or the exception (run C0000005 8). What',
    'kills the process is the last line.',
  ].join('\n'),
  examples: [
    'mayexec probe --policy mdwe',
    'mayexec probe --emit probe-x86-64',
    'mayexec probe heap-rx zero-written-rx --policy selinux',
    'mayexec probe --policy pax --arch i386 --raw',
    'mayexec probe --os windows --policy dep+acg',
    'mayexec probe --os wine --emit probe.exe',
  ],
  run: async (given) => {
    const arch = archOf(given) ?? 'x86-64';
    const os = osOf(given);
    const file = given.values.get('emit');
    if (file !== undefined) return emit(file, arch, os);
    const results = await runProbe({
      arch,
      os,
      policy: given.values.get('policy'),
      cpu: given.values.get('cpu'),
      only: namesOf(given, arch, os),
    });
    stdout.print(textOf(given, results, os));
    return 0;
  },
};

const SYSTEMS = ['linux', 'windows', 'wine'] as const;
type System = (typeof SYSTEMS)[number];

function osOf({ values }: Given): System {
  const name = values.get('os') ?? 'linux';
  const os = SYSTEMS.find((known) => known === name);
  if (os === undefined) throw unknownValue('system with a probe', name, SYSTEMS);
  return os;
}

async function emit(file: string, arch: Arch, os: System): Promise<number> {
  writeOutput(file, await probeProgram(arch, os), 0o755);
  const name = basename(file);
  const use = {
    linux: `on a Linux machine (./${name} > results.txt)`,
    windows: `on a Windows machine (${name} > results.txt)`,
    wine: `on a machine with Wine (wine ${name} > results.txt 2>&1)`,
  };
  stdout.print(`wrote ${file}: run it ${use[os]}, then mayexec identify results.txt\n`);
  return 0;
}

function namesOf({ positionals }: Given, arch: Arch, os: System): readonly string[] {
  const known = probeExperiments(arch, os);
  for (const name of positionals) {
    if (known.every((experiment) => experiment.name !== name)) {
      throw unknownValue(
        `experiment of ${os === 'linux' ? '' : `${os} on `}${arch}`,
        name,
        known.map((experiment) => experiment.name),
      );
    }
  }
  return positionals;
}

function textOf({ switches, values }: Given, results: ProbeResults, os: System): string {
  if (switches.has('raw')) return formatProbe(results);
  if (switches.has('json')) {
    const { arch, system, release, machine, outcomes } = results;
    const policy = values.get('policy') ?? (os === 'windows' ? 'dep' : 'nx');
    const record = {
      arch,
      os,
      policy,
      system,
      release,
      machine,
      outcomes: Object.fromEntries(outcomes),
    };
    return `${toJson(record)}\n`;
  }
  return `${probeTable(results, os, terminalOf(stdout.stream)).join('\n')}\n`;
}

export function probeTable(
  { arch, outcomes }: ProbeResults,
  os: System,
  terminal: Terminal,
): string[] {
  const about = new Map(probeExperiments(arch, os).map(({ name, about: text }) => [name, text]));
  const rows = [...outcomes].map(([name, outcome]): Cell[] => [
    { text: name },
    { text: outcome, colour: outcomeOf(outcome).kind === 'ok' ? 'green' : 'red' },
    { text: about.get(name) ?? '' },
  ]);
  const header = ['experiment', 'result', 'what is tried'].map((text) => ({ text }));
  // The sentences end where they end: on a narrow terminal they wrap.
  return renderTable([header, ...rows], { ...terminal, width: Number.POSITIVE_INFINITY });
}
