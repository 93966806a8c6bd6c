/** Rights over time: a column for each call that changed the map or was refused, a row for pages that were always alike. */
import type { TimelineView } from '../../lab/view.js';
import { rightsClass } from './memory-map.js';

export interface TimelineProps {
  readonly timeline: TimelineView;
  /** Sequence number that the next event will have. */
  readonly reached: number;
  readonly onGo: (seq: number) => void;
}

export function TimelinePane({ timeline: { steps, rows, before }, reached, onGo }: TimelineProps) {
  return (
    <section class="pane timeline" aria-label="Timeline">
      <h2>Timeline</h2>
      {steps.length === 0 ? (
        <p class="faint">No call has changed the map yet.</p>
      ) : (
        <div class="table-scroll">
          {before > 0 && <p class="faint">{before} older steps are not shown.</p>}
          <table class="mono">
            <thead>
              <tr>
                <th scope="col">pages</th>
                {steps.map(({ cause, seq, refused }, index) => (
                  <th key={index} scope="col" class={refused ? 'refused' : ''}>
                    {seq === undefined ? (
                      cause
                    ) : (
                      <button
                        type="button"
                        class="plain"
                        aria-current={seq === reached - 1 ? 'step' : undefined}
                        onClick={() => onGo(seq)}
                      >
                        {cause}
                        {refused && ' ✗'}
                      </button>
                    )}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ start, name, rights }) => (
                <tr key={start}>
                  <th scope="row">
                    {start} <small>{name.split('/').at(-1)}</small>
                  </th>
                  {rights.map((each, index) => (
                    <td key={index}>
                      {each !== undefined && (
                        <span class={`chip rights-${rightsClass(each)}`}>{each}</span>
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
