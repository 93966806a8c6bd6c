/** What happened in a run, a line each, and the map's changes, as the page shows them. */
import { timelineOf } from '../../../parts/diagnosis.js';
import {
  callFamily,
  faultLine,
  type Outcome,
  straceLine,
  type TraceEvent,
} from '../../../parts/sandbox.js';
import type { EventView, TimelineView } from '../../lab/view.js';

/** A step of the timeline is a column. */
const MOST_STEPS = 48;

/** Undefined for what needs no line of its own. */
export function eventView(event: TraceEvent): EventView | undefined {
  const { seq } = event;
  if (event.type === 'fault') {
    const { cause } = event;
    const text = faultLine(event);
    return { seq, kind: 'fault', text, rule: cause?.rule, reason: cause?.reason };
  }
  const text = straceLine(event);
  if (text === undefined) return undefined;
  if (event.type === 'syscall' || event.type === 'api') {
    const { cause } = event;
    const refused = cause?.kind === 'denied' || cause?.kind === 'killed';
    const line = text.trimEnd();
    const kind = refused ? 'refused' : 'call';
    return { seq, kind, text: line, rule: cause?.rule, reason: cause?.reason };
  }
  const kind = event.type === 'end' ? 'end' : 'signal';
  return { seq, kind, text, rule: undefined, reason: undefined };
}

export function timelineView(trace: readonly TraceEvent[]): TimelineView {
  const { steps, rows } = timelineOf(trace);
  const before = Math.max(steps.length - MOST_STEPS, 0);
  return {
    before,
    steps: steps.slice(before).map(({ cause, call }) => ({
      cause,
      seq: call?.seq,
      refused: call?.cause?.kind === 'denied' || call?.cause?.kind === 'killed',
    })),
    rows: rows
      .map(({ start, end, name, rights }) => ({
        start: start.toString(16),
        name,
        pages: Number((end - start) / 4096n),
        rights: rights.slice(before),
      }))
      .filter(({ rights }) => rights.some((each) => each !== undefined)),
  };
}

/** What happened, as a lesson expects it: refusals and faults, the output, the end. */
export function checksOf(trace: readonly TraceEvent[], outcome: Outcome, stdout: string): string[] {
  const happened = trace.flatMap((event): string[] => {
    if (event.type === 'fault') {
      const { access, code } = event.fault;
      return [`anywhere fault ${access} ${code}`];
    }
    if (event.type !== 'syscall' || event.cause === undefined || event.errno === undefined)
      return [];
    return [`anywhere ${callFamily(event.name)} = ${event.errno} by ${event.cause.rule}`];
  });
  const output = stdout === '' ? [] : [`stdout ${JSON.stringify(stdout)}`];
  return [...new Set(happened), ...output, endCheck(outcome)];
}

function endCheck(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exit':
      return `exited ${outcome.code}`;
    case 'signal':
      return `killed ${outcome.signal} ${outcome.code}`;
    case 'limit':
      return `stopped ${outcome.limit}`;
    default:
      return outcome.kind;
  }
}
