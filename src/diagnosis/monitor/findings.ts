/** All that the monitors have to say of a run so far. */
import type { Arch } from '../../base/address.js';
import type { Mapping } from '../../memory/mapping.js';
import type { TraceEvent } from '../../trace/events.js';
import { aliasesLeftBehind } from './alias-left-behind.js';
import { counted, type Finding, type NewFinding } from './finding.js';
import { uncheckedResults } from './unchecked-result.js';
import { writableAndExecutable } from './writable-executable.js';

export interface MonitoredRun {
  readonly arch: Arch;
  readonly trace: readonly TraceEvent[];
  /** Of the first process. */
  readonly pid: number;
  readonly mappings: readonly Mapping[];
  /** What needs an eye on stores and fetches (PageWatcher). */
  readonly executed: readonly NewFinding[];
}

/** In the order of the kinds. */
export function findingsOf({ arch, trace, pid, mappings, executed }: MonitoredRun): Finding[] {
  return counted([
    ...writableAndExecutable(trace),
    ...executed,
    ...uncheckedResults(trace, arch),
    ...aliasesLeftBehind(mappings, trace, pid),
  ]);
}
