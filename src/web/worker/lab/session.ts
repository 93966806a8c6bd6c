/** The one run that the laboratory shows: opened, moved in both directions, looked at. */
import { linkedEnding } from '../../../link/ending.js';
import type { WorkshopCase } from '../../../link/workshop-case.js';
import { MayexecError, Sandbox, type TraceEvent } from '../../../parts/sandbox.js';
import { type AssembledProgram, AssemblyError } from '../../../parts/toolchain.js';
import type { EventView, Move, Opened, RunView, TimelineView } from '../../lab/view.js';
import { Replay } from '../replay.js';
import { checksOf, eventView, timelineView } from './events.js';
import { labProgram } from './program.js';
import { listingOf, mappingsOf, outputText, pcOf, registersOf } from './view-of.js';

/** Lines of the system-call pane, the newest. */
const MOST_EVENTS = 2000;

interface Session {
  readonly sandbox: Sandbox;
  readonly replay: Replay;
  readonly lines: AssembledProgram['lines'];
  readonly file: string;
  /** Register values of the last view. */
  shown: Map<string, string>;
  /** The longest trace that there was, as it is shown. */
  known: number;
  events: EventView[];
  timeline: TimelineView;
}

let session: Session | undefined;
let stopping = false;

export async function openLab(given: WorkshopCase): Promise<Opened> {
  closeLab();
  try {
    const { options, lines, file } = await labProgram(given);
    const sandbox = await Sandbox.create(options);
    session = {
      sandbox,
      replay: new Replay(sandbox),
      lines,
      file,
      shown: new Map(),
      known: -1,
      events: [],
      timeline: { steps: [], rows: [], before: 0 },
    };
    if (given.place !== undefined) await goOn(session, given.place);
    return { view: await look(session) };
  } catch (error) {
    if (error instanceof AssemblyError) {
      const problems = error.problems.map(({ line, column, text, message }) => ({
        line,
        column,
        length: text.length,
        message,
      }));
      return { problems, message: 'The program cannot be assembled yet.' };
    }
    if (error instanceof MayexecError) return { problems: [], message: error.message };
    throw error;
  }
}

export async function moveLab(move: Move): Promise<RunView> {
  if (session === undefined) throw new Error('nothing is open: run the program first');
  stopping = false;
  await go(session, move);
  return look(session);
}

/** Heard between two slices of a long move. */
export async function stopLab(): Promise<void> {
  stopping = true;
}

function closeLab(): void {
  session?.sandbox.close();
  session = undefined;
}

async function go(current: Session, move: Move): Promise<void> {
  const { replay } = current;
  switch (move.to) {
    case 'start':
      return replay.goTo(0);
    case 'step':
      return replay.step();
    case 'step-back':
      return replay.stepBack();
    case 'place':
      return replay.goTo(move.place);
    case 'event':
      return replay.goToEvent(move.seq);
    case 'end':
      return toEnd(current, addressesOf(current, move.lines));
    case 'breakpoint-before': {
      const found = await replay.backTo(addressesOf(current, move.lines), goesOn);
      if (!found) replay.goTo(0);
      return;
    }
    case 'next-event': {
      const behind = replay.events;
      remember(current);
      const next = current.events.find(({ seq }) => seq >= behind);
      if (next !== undefined) return replay.goToEvent(next.seq);
      await toEvent(current, behind);
      return;
    }
    case 'event-before': {
      remember(current);
      const last = current.events.filter(({ seq }) => seq < replay.events - 1).at(-1);
      return last === undefined ? replay.goTo(0) : replay.goToEvent(last.seq);
    }
  }
}

async function toEnd({ replay }: Session, breakpoints: readonly bigint[]): Promise<void> {
  do {
    const stopped = replay.slice(breakpoints);
    if (stopped.kind !== 'pause' || stopped.reason === 'breakpoint') return;
  } while (await goesOn());
}

/** A link names a place: as far as the run goes, or until somebody stops it. */
async function goOn({ replay }: Session, place: number): Promise<void> {
  stopping = false;
  while (replay.end === undefined && replay.place < place && (await goesOn())) replay.slice();
  replay.goTo(place);
}

/** To right after the first event worth a line from `seq` on. */
async function toEvent(current: Session, seq: number): Promise<void> {
  const { replay } = current;
  while (replay.end === undefined && (await goesOn())) {
    replay.slice();
    remember(current);
    const next = current.events.find((event) => event.seq >= seq);
    if (next !== undefined) return replay.goToEvent(next.seq);
  }
}

/** Lets a message in. */
async function goesOn(): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  return !stopping;
}

function addressesOf({ lines, file }: Session, wanted: readonly number[]): bigint[] {
  return lines.flatMap((each) =>
    each.file === file && wanted.includes(each.line) ? [each.address] : [],
  );
}

/** What is known of the run grows with the farthest place that it was at. */
function remember(current: Session): void {
  const { sandbox, replay } = current;
  if (replay.events <= current.known) return;
  current.known = replay.events;
  const trace: readonly TraceEvent[] = sandbox.trace;
  current.events = trace
    .slice(-MOST_EVENTS * 4)
    .flatMap((event) => eventView(event) ?? [])
    .slice(-MOST_EVENTS);
  current.timeline = timelineView(trace);
}

async function look(current: Session): Promise<RunView> {
  const { sandbox, replay, lines, file } = current;
  remember(current);
  const registers = registersOf(sandbox, current.shown);
  current.shown = new Map(registers.map(({ name, value }) => [name, value]));
  const pc = pcOf(sandbox);
  const { end } = replay;
  return {
    place: replay.place,
    end: end === undefined ? undefined : linkedEnding(end),
    bad: end !== undefined && !(end.kind === 'exit' && end.code === 0),
    pc: pc.toString(16),
    // After an exit there is no next instruction, whatever stands behind the last one.
    line:
      end?.kind === 'exit'
        ? undefined
        : lines.find((each) => each.address === pc && each.file === file)?.line,
    registers,
    listing: await listingOf(sandbox, lines),
    mappings: mappingsOf(sandbox),
    events: current.events,
    eventsBefore: (current.events[0]?.seq ?? 0) > 0 ? sandbox.dropped.events : 0,
    reached: replay.events,
    timeline: current.timeline,
    stdout: outputText(sandbox.stdout),
    stderr: outputText(sandbox.stderr),
    findings: sandbox.findings.map(({ sentence }) => sentence),
    checks: end === undefined ? [] : checksOf(sandbox.trace, end, outputText(sandbox.stdout)),
  };
}
