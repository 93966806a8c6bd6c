/** Where a run goes: forward, back, to the next thing that happens. */
import type { Move } from '../../lab/view.js';

export interface ControlsProps {
  readonly busy: boolean;
  /** Instructions since the start; undefined while nothing runs. */
  readonly place: number | undefined;
  readonly ended: boolean;
  readonly onRun: () => void;
  readonly onMove: (to: Simple) => void;
  readonly onStop: () => void;
}

export type Simple = Exclude<Move['to'], 'event' | 'place'>;

const MOVES: readonly { to: Simple; text: string; title: string; forward: boolean }[] = [
  { to: 'start', text: 'Start', title: 'Back to the start', forward: false },
  { to: 'breakpoint-before', text: '◀ Break', title: 'Back to a breakpoint', forward: false },
  { to: 'event-before', text: '◀ Event', title: 'Back to the event before', forward: false },
  { to: 'step-back', text: '◀ Step', title: 'One instruction back', forward: false },
  { to: 'step', text: 'Step ▶', title: 'One instruction', forward: true },
  { to: 'next-event', text: 'Event ▶', title: 'To the next call, fault or signal', forward: true },
  { to: 'end', text: 'Go on ▶', title: 'To a breakpoint or the end', forward: true },
];

export function Controls({ busy, place, ended, onRun, onMove, onStop }: ControlsProps) {
  const open = place !== undefined;
  return (
    <div class="controls" role="toolbar" aria-label="Run">
      {busy ? (
        <button type="button" class="primary" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="button" class="primary" onClick={onRun}>
          Run
        </button>
      )}
      {MOVES.map(({ to, text, title, forward }) => (
        <button
          key={to}
          type="button"
          title={title}
          disabled={busy || !open || (forward ? ended : place === 0)}
          onClick={() => onMove(to)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
