/** All that the monitors have to say of a run so far. */
import type { Arch } from '../../base/address.js';
import type { Mapping } from '../../memory/mapping.js';
import { callsAbove } from '../../trace/calls-above.js';
import type { TraceEvent } from '../../trace/events.js';
import { aliasesLeftBehind } from './alias-left-behind.js';
import { counted, type Finding, type NewFinding } from './finding.js';
import { uncheckedResults } from './unchecked-result.js';
import { writableAndExecutable } from './writable-executable.js';

export interface MonitoredRun {
  readonly arch: Arch;
  readonly os: string;
  readonly trace: readonly TraceEvent[];
  /** Of the first process. */
  readonly pid: number;
  readonly mappings: readonly Mapping[];
  /** What needs an eye on stores and fetches (PageWatcher). */
  readonly executed: readonly NewFinding[];
}

/** In the order of the kinds. */
export function findingsOf(run: MonitoredRun): Finding[] {
  const { arch, os, trace, pid, mappings, executed } = run;
  // What Wine does of its own accord, and how it takes failures, is no matter of the program.
  const own = os === 'wine' ? ofTheProgram(trace) : trace;
  return counted([
    ...writableAndExecutable(own),
    ...executed,
    ...uncheckedResults(own, arch),
    ...aliasesLeftBehind(mappings, trace, pid),
  ]);
}

/** Without Wine's system calls, and without the changes that no function of Windows asked for. */
function ofTheProgram(trace: readonly TraceEvent[]): TraceEvent[] {
  const above = callsAbove(trace);
  return trace.flatMap((event): TraceEvent[] => {
    if (event.type === 'syscall') return [];
    if (event.type !== 'vma') return [event];
    const call = above(event);
    if (call === undefined) return [];
    const { site } = call;
    return [{ ...event, cause: call.name, ...(site === undefined ? {} : { site }) }];
  });
}
