/** The machine at this place: registers, the instructions around the current one, and what the program printed. */
import type { RunView } from '../../lab/view.js';

export function RegistersPane({ registers }: Pick<RunView, 'registers'>) {
  return (
    <section class="pane registers" aria-label="Registers">
      <h2>Registers</h2>
      <dl class="mono">
        {registers.map(({ name, value, changed }) => (
          <div key={name} class={changed ? 'changed' : ''}>
            <dt>{name}</dt>
            <dd>
              {value}
              {changed && (
                <span class="hidden" role="note">
                  {' '}
                  changed
                </span>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function ListingPane({ listing, pc }: Pick<RunView, 'listing' | 'pc'>) {
  return (
    <section class="pane listing" aria-label="Instructions">
      <h2>Instructions</h2>
      {listing.length === 0 ? (
        <p class="faint">Nothing is mapped at {pc}, where the next instruction would be.</p>
      ) : (
        <ol class="mono">
          {listing.map(({ address, bytes, text, label, current }) => (
            <li key={address} aria-current={current ? 'true' : undefined}>
              {label !== undefined && <b class="label">{label}:</b>}
              <span class="mark" aria-hidden="true">
                {current ? '▶' : ''}
              </span>
              <span class="address">{address}</span>
              <span class="bytes">{bytes}</span>
              <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

export function OutputPane({
  stdout,
  stderr,
  findings,
}: Pick<RunView, 'stdout' | 'stderr' | 'findings'>) {
  return (
    <section class="pane output" aria-label="Output">
      <h2>Output</h2>
      {stdout === '' && stderr === '' && <p class="faint">It has printed nothing.</p>}
      {stdout !== '' && <pre>{stdout}</pre>}
      {stderr !== '' && (
        <>
          <h3>Standard error</h3>
          <pre>{stderr}</pre>
        </>
      )}
      {findings.length > 0 && (
        <>
          <h3>What the monitors found</h3>
          <ul>
            {findings.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
