/** `mayexec run`: one program, its output passed through, and what ended it. */
import {
  type Classified,
  classify,
  commandLineNotes,
  faultLine,
  finishedRun,
  firstDeniedCall,
  idleReason,
  type Outcome,
  plainCauses,
  type Sandbox,
  unhindered,
  unknownValue,
  visible,
} from '../../index.js';
import type { Command, Given } from '../arguments.js';
import { seenLines } from '../program/host-files.js';
import { expectationLine, isLinkArgument, linkOfRun } from '../program/link.js';
import {
  type GivenProgram,
  givenProgram,
  openProgram,
  PROGRAM_DETAILS,
  PROGRAM_OPTIONS,
  startProgram,
} from '../program/open.js';
import { endingText } from '../report/ending.js';
import { explanationLines, explanationOf } from '../report/explain.js';
import { findingLines } from '../report/findings.js';
import { runRecord, toJson } from '../report/json.js';
import { traceOf } from '../report/live-trace.js';
import { causeLines, faultReport, unhandledReport } from '../report/report.js';
import { exitStatus } from '../status.js';
import { stderr, stdout } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { eachTable, injectEach } from './inject-each.js';

const INJECT_DETAILS = [
  'Injections: CALLS:error=ERRNO and CALLS:retval=VALUE, with :when=N, N+, N+STEP or N..M, as in strace;',
  'mmap:ignore-hint (an address counts only with MAP_FIXED); map-count=N (vm.max_map_count);',
  'rlimit-as, -data, -fsize, -memlock, -nofile, -stack=SIZE. CALLS are names, or %memory. On i386 mmap',
  'means mmap2 too. --inject-each takes CALLS[:error=ERRNO], by default ENOMEM.',
];

export const run: Command = {
  name: 'run',
  summary: 'run a program under a policy',
  usage: 'PROGRAM [OPTIONS] [-- ARGUMENTS...]',
  options: [
    ...PROGRAM_OPTIONS,
    {
      name: 'inject-each',
      value: 'CALLS',
      help: 'run once for each call of these kinds failing, and say what came of it',
    },
    {
      name: 'trace',
      inline: 'CALLS',
      help: 'print system calls and signals to stderr as strace does; mm: those of memory',
    },
    { name: 'trace-out', value: 'FILE', help: 'write the trace to FILE instead' },
    {
      name: 'log',
      help: 'at the end print what the kernel logged (AVC lines, segfaults) to stderr',
    },
    {
      name: 'explain',
      inline: 'full',
      help: 'say why it was refused and what works instead; on unless --json; full: all that was tried',
    },
    { name: 'no-explain', help: 'say nothing of that' },
    {
      name: 'link',
      inline: 'BASE',
      help: 'print a link of the workshop to this run at the end: the fragment, or BASE#fragment',
    },
    { name: 'dry-run', help: 'run nothing: say which files of the host it would see' },
    { name: 'json', help: 'print one JSON object instead of the output of the program' },
  ],
  details: [
    ...PROGRAM_DETAILS,
    '',
    'A link of the workshop (a URL with #m1. in it, or what follows its #) is read as it stands; nothing is fetched.',
    'What it says of world, policy, seed and input holds unless an option says otherwise.',
    '',
    '--json: stdout and stderr are text; where the bytes are no UTF-8, stdoutBase64 and stderrBase64 hold them.',
    '',
    'Code from a compiler (gcc -S ... | mayexec run -) must stand alone: a _start of its own, no library. For C with',
    'a library link it and run the ELF file.',
    '',
    ...INJECT_DETAILS,
    '',
    "Exit status: the program's own; 128 + N when signal N killed it; 2 for a wrong command line or an",
    'unreadable PROGRAM; 3 when a limit ended the run; 4 when a kernel died (oops, panic, triple fault). With',
    '--inject-each 1 when a failure made the program crash, else 0.',
  ].join('\n'),
  examples: [
    'mayexec run asm/x86-64/jit-malloc.s --policy nx',
    'mayexec run prog.elf --policy restricted-wx --trace -- one two',
    'mayexec run code.hex --arch i386 --json',
    'mayexec run asm/x86-64/jit-dev-zero.s --policy selinux --trace --log',
    'mayexec run scenarios/selinux/skirmish-with-selinux.md --program memalign --policy selinux --trace',
    'mayexec run prog.s --inject mprotect:error=EACCES:when=2+ --trace=mm',
    'mayexec run prog.s --inject-each mmap,mprotect:error=EACCES',
    'mayexec run /usr/bin/ls --bind /usr/share -- /usr/share',
    'gcc -S -masm=intel -O1 -o - prog.c | mayexec run - --stdin input.txt',
    'mayexec run prog.s --policy nx+no-gain --policy-file no-gain=./no-gain.mjs',
    'mayexec run asm/kernel/sealed-data.s --kernel-version 6.1 -- oops=panic',
  ],
  run: runProgram,
};

async function runProgram(given: Given): Promise<number> {
  const program = await givenProgram('run', given);
  if (given.switches.has('dry-run')) {
    stdout.lines(seenLines(program.path, program.program.elf, program.host));
    return 0;
  }
  const detail = given.values.get('explain');
  if (detail !== undefined && detail !== 'full') {
    throw unknownValue('value of --explain', detail, ['full']);
  }
  const json = given.switches.has('json');
  const each = given.values.get('inject-each');
  if (each !== undefined) return runEach(program, each, json);
  const trace = traceOf(given);
  using sandbox = await openProgram(program, {
    monitor: true,
    onOutput: (fd, bytes) => {
      trace?.catchUp();
      if (!json) (fd === 1 ? stdout : stderr).write(bytes);
    },
  });
  trace?.follow(sandbox);
  const words = sandbox.os === 'kernel' ? given.rest.join(' ') : (given.values.get('append') ?? '');
  stderr.lines(commandLineNotes(words).map((note) => `mayexec: ${visible(note)}`));
  if (json) sandbox.countInstructions(true);
  const outcome = startProgram(sandbox, program);
  trace?.catchUp();
  if (json) {
    const explained = given.switches.has('explain');
    const explanation = explained
      ? ((await explanationOf(program, isFull(given), sandbox.os)) ?? null)
      : undefined;
    const record = runRecord(
      program.path,
      sandbox,
      outcome,
      await classOf(program, sandbox, outcome),
      program.host.files?.read,
    );
    const link = given.switches.has('link')
      ? await linkTo(given, program, sandbox, outcome)
      : undefined;
    stdout.lines([toJson({ ...record, explanation, link })]);
  } else {
    await tell(sandbox, outcome);
    if (wantsExplanation(given, sandbox, outcome)) await tellWhy(given, program, sandbox);
    // A kernel has nothing to say but its log.
    if (given.switches.has('log') || sandbox.os === 'kernel') {
      const { logLines } = sandbox.dropped;
      if (logLines > 0) {
        stderr.lines([`mayexec: the first ${logLines} lines of the log made room for these`]);
      }
      stderr.lines(sandbox.kernelLog.map((line) => visible(line)));
    }
    stderr.lines(findingLines(sandbox, terminalOf(stderr.stream)));
    stderr.lines(idleInjections(sandbox).map((line) => `mayexec: ${visible(line)}`));
    if (isLinkArgument(program.path)) {
      const line = expectationLine(program.path, outcome);
      if (line !== undefined) stderr.lines([`mayexec: ${visible(line)}`]);
    }
    if (given.switches.has('link')) stdout.lines([await linkTo(given, program, sandbox, outcome)]);
  }
  return exitStatus(outcome);
}

function linkTo(
  given: Given,
  { path, program, host, options }: GivenProgram,
  { os, policy }: Sandbox,
  outcome: Outcome,
): Promise<string> {
  const { values: typed, rest } = given;
  const seesHost = host.files !== undefined;
  const { schedule } = options;
  return linkOfRun(
    { path, program, schedule, os, policy, typed, seesHost, rest },
    outcome,
    typed.get('link'),
  );
}

async function runEach(program: GivenProgram, calls: string, json: boolean): Promise<number> {
  const report = await injectEach(program, calls);
  if (json) stdout.lines([toJson({ program: program.path, ...report })]);
  else stdout.lines(eachTable(report, terminalOf(stdout.stream)));
  return report.trials.some(({ outcome }) => outcome === 'crashes') ? 1 : 0;
}

/** What the run came to, compared with the same program where nothing stands in its way. */
async function classOf(
  { options, program: { entry } }: GivenProgram,
  { os, trace, stdout }: Sandbox,
  outcome: Outcome,
): Promise<Classified> {
  // Of a kernel's protections none can be taken away from outside: they are its own page tables.
  const free = os === 'kernel' ? undefined : await finishedRun(unhindered(options), entry);
  return classify({ outcome, trace, stdout }, free);
}

const NOTHING_REFUSED =
  'mayexec: nothing was refused that another call or a weaker policy would allow\n';

const TOO_LATE =
  'mayexec: not explained: what was refused came later than an explanation looks (--explain=full looks ten times as far)\n';

function isFull({ values }: Given): boolean {
  return values.get('explain') === 'full';
}

/** A reason to look: a signal, an exception, a call that failed by a policy's word, or less than was asked for. */
function wantsExplanation({ switches }: Given, { trace }: Sandbox, outcome: Outcome): boolean {
  if (switches.has('no-explain')) return false;
  const died = outcome.kind === 'signal' || outcome.kind === 'exception';
  return switches.has('explain') || died || firstDeniedCall(trace) !== undefined;
}

async function tellWhy(given: Given, program: GivenProgram, sandbox: Sandbox): Promise<void> {
  if (sandbox.os === 'kernel') {
    stderr.lines(refusedAccesses(sandbox));
    return;
  }
  const full = isFull(given);
  const explanation = await explanationOf(program, full, sandbox.os);
  if (explanation === undefined) {
    // Its own run of the program has limits, and may not have come so far.
    if (firstDeniedCall(sandbox.trace) !== undefined) stderr.print(TOO_LATE);
    else if (given.switches.has('explain')) stderr.print(NOTHING_REFUSED);
    return;
  }
  stderr.lines(explanationLines(sandbox, explanation, full, terminalOf(stderr.stream)));
}

/** Of a kernel: each access that the page tables refused, and by what. */
function refusedAccesses({ trace }: Sandbox): string[] {
  const faults = trace.filter((event) => event.type === 'fault');
  const lines = faults.map((event) => {
    const by = event.cause === undefined ? '' : `: ${event.cause.reason} (${event.cause.rule})`;
    return `mayexec: ${visible(faultLine(event))}${by}`;
  });
  return lines.length === 0 ? ['mayexec: the page tables refused no access'] : lines;
}

/** An injection that met no call answers nothing: most likely it is not what was meant. */
function idleInjections({ injections }: Sandbox): string[] {
  return injections.flatMap((count) => {
    const reason = idleReason(count);
    return reason === undefined ? [] : [`nothing came of '${count.injection}': ${reason}`];
  });
}

/** No limit would be enough for the search of Wine in 2004 (layout wine-2004). */
function limitText({ os, kernelLog }: Sandbox, limit: string): string {
  const endless =
    os === 'wine' && kernelLog.findLast((line) => line.startsWith('wine: the search'));
  return endless || `stopped at the limit of ${limit}: --limit-${limit} sets it`;
}

/** What a person wants to know of an end that is no plain exit. */
async function tell(sandbox: Sandbox, outcome: Outcome): Promise<void> {
  switch (outcome.kind) {
    case 'signal':
      stderr.lines(await faultReport(sandbox, outcome, terminalOf(stderr.stream)));
      break;
    case 'return':
      stderr.lines([
        `mayexec: returned ${outcome.value} (0x${BigInt.asUintN(64, outcome.value).toString(16)})`,
      ]);
      break;
    case 'limit':
      stderr.lines([`mayexec: ${visible(limitText(sandbox, outcome.limit))}`]);
      break;
    case 'exit':
      break;
    case 'exception':
      stderr.lines(await unhandledReport(sandbox, outcome, terminalOf(stderr.stream)));
      break;
    default:
      stderr.lines([`mayexec: ${endingText(outcome)}`]);
      stderr.lines(causeLines(plainCauses(sandbox, outcome), terminalOf(stderr.stream)));
  }
}
