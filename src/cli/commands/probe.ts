/** `mayexec probe`: the probe in the sandbox, or as an executable for another machine. */
import { basename } from 'node:path';
import {
  type Arch,
  EXPERIMENTS,
  formatProbe,
  outcomeOf,
  type ProbeResults,
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
    { name: 'policy', value: 'SPEC', help: 'default nx; see mayexec policies' },
    { name: 'arch', value: 'ARCH', help: 'x86-64 (the default) or i386' },
    {
      name: 'cpu',
      value: 'CPU',
      help: 'x86-64-v2 with flags (the default), x86-64, x86-64-v3; see mayexec run --help',
    },
    { name: 'emit', value: 'FILE', help: 'write the probe as a static Linux executable instead' },
    { name: 'raw', help: 'print what the probe prints: what mayexec identify reads' },
    { name: 'json', help: 'print one JSON object instead of a table' },
  ],
  details: [
    'Each experiment runs in a process of its own. A result is ok, or the step that failed with its errno',
    '(mprotect:r-x EACCES) or the signal that ended it; a number behind ok is what was found.',
    '',
    'The executable needs no privileges and no libraries, takes names of experiments as arguments, and',
    'leaves nothing behind: run it on the machine in question, and give its output to mayexec identify.',
  ].join('\n'),
  examples: [
    'mayexec probe --policy mdwe',
    'mayexec probe --emit probe-x86-64',
    'mayexec probe heap-rx zero-written-rx --policy selinux',
    'mayexec probe --policy pax --arch i386 --raw',
  ],
  run: async (given) => {
    const arch = archOf(given) ?? 'x86-64';
    const file = given.values.get('emit');
    if (file !== undefined) return emit(file, arch);
    const results = await runProbe({
      arch,
      policy: given.values.get('policy'),
      cpu: given.values.get('cpu'),
      only: namesOf(given, arch),
    });
    stdout.print(textOf(given, results));
    return 0;
  },
};

async function emit(file: string, arch: Arch): Promise<number> {
  writeOutput(file, await probeProgram(arch), 0o755);
  stdout.print(
    `wrote ${file}: run it on a Linux machine (./${basename(file)} > results.txt), then mayexec identify results.txt\n`,
  );
  return 0;
}

function namesOf({ positionals }: Given, arch: Arch): readonly string[] {
  const known = EXPERIMENTS.filter((experiment) => (experiment.arch ?? arch) === arch);
  for (const name of positionals) {
    if (known.every((experiment) => experiment.name !== name)) {
      throw unknownValue(
        `experiment of ${arch}`,
        name,
        known.map((experiment) => experiment.name),
      );
    }
  }
  return positionals;
}

function textOf({ switches, values }: Given, results: ProbeResults): string {
  if (switches.has('raw')) return formatProbe(results);
  if (switches.has('json')) {
    const { arch, system, release, machine, outcomes } = results;
    const policy = values.get('policy') ?? 'nx';
    const record = {
      arch,
      policy,
      system,
      release,
      machine,
      outcomes: Object.fromEntries(outcomes),
    };
    return `${toJson(record)}\n`;
  }
  return `${probeTable(results, terminalOf(stdout.stream)).join('\n')}\n`;
}

export function probeTable({ outcomes }: ProbeResults, terminal: Terminal): string[] {
  const about = new Map(EXPERIMENTS.map(({ name, about: text }) => [name, text]));
  const rows = [...outcomes].map(([name, outcome]): Cell[] => [
    { text: name },
    { text: outcome, colour: outcomeOf(outcome).kind === 'ok' ? 'green' : 'red' },
    { text: about.get(name) ?? '' },
  ]);
  const header = ['experiment', 'result', 'what is tried'].map((text) => ({ text }));
  // The sentences end where they end: on a narrow terminal they wrap.
  return renderTable([header, ...rows], { ...terminal, width: Number.POSITIVE_INFINITY });
}
