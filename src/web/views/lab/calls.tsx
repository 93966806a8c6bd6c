/** System calls, faults and signals in strace's words; each is a place to go to. */
import type { EventView } from '../../lab/view.js';

export interface CallsProps {
  readonly events: readonly EventView[];
  readonly before: number;
  readonly reached: number;
  readonly onGo: (seq: number) => void;
}

const SIGNS: Readonly<Record<EventView['kind'], string>> = {
  call: '',
  refused: '✗ ',
  fault: '⚡ ',
  signal: '',
  end: '',
};

export function CallsPane({ events, before, reached, onGo }: CallsProps) {
  return (
    <section class="pane calls" aria-label="System calls">
      <h2>System calls, faults and signals</h2>
      {events.length === 0 && <p class="faint">None so far.</p>}
      {before > 0 && <p class="faint">{before} older events are not kept.</p>}
      <ol class="mono">
        {events.map(({ seq, kind, text, rule, reason }) => (
          <li key={seq} class={`${kind}${seq >= reached ? ' later' : ''}`}>
            <button
              type="button"
              class="plain"
              aria-current={seq === reached - 1 ? 'step' : undefined}
              onClick={() => onGo(seq)}
            >
              {SIGNS[kind]}
              {text}
            </button>
            {rule !== undefined && (
              <p class="because">
                <code>{rule}</code> {reason}
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
