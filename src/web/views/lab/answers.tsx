/** Answers that take runs of their own: why it was refused, and what every policy says. */
import type { ExplainView, PolicyCell } from '../../lab/view.js';

export function ExplanationPane({ found }: { found: ExplainView | undefined }) {
  if (found === undefined) {
    return <p>Nothing was refused that another call or a weaker policy would allow.</p>;
  }
  const { asked, rule, why, history, works, weakens, refused } = found;
  return (
    <dl class="explanation">
      <dt>Asked</dt>
      <dd class="mono">{asked}</dd>
      <dt>Rule</dt>
      <dd>{rule}</dd>
      {why !== undefined && (
        <>
          <dt>Why</dt>
          <dd>{why}</dd>
        </>
      )}
      <List title="History" entries={history} />
      <dt>Works</dt>
      <dd>
        {works.length === 0 ? (
          'Nothing that was tried, under this policy.'
        ) : (
          <ul>
            {works.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        )}
      </dd>
      <List title="Weakens the policy" entries={weakens} />
      <List title="Does not help" entries={refused} />
    </dl>
  );
}

function List({ title, entries }: { title: string; entries: readonly string[] }) {
  if (entries.length === 0) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <ul>
          {entries.map((text, index) => (
            <li key={index}>{text}</li>
          ))}
        </ul>
      </dd>
    </>
  );
}

export interface PoliciesProps {
  readonly cells: readonly PolicyCell[];
  readonly current: string;
  readonly onChoose: (policy: string) => void;
}

export function PoliciesTable({ cells, current, onChoose }: PoliciesProps) {
  return (
    <div class="table-scroll">
      <table class="policies">
        <thead>
          <tr>
            <th scope="col">policy</th>
            <th scope="col">outcome</th>
            <th scope="col">how it ends</th>
            <th scope="col">rule that decided</th>
          </tr>
        </thead>
        <tbody>
          {cells.map(({ policy, outcome, ending, rule }) => (
            <tr key={policy} aria-current={policy === current ? 'true' : undefined}>
              <th scope="row">
                <button type="button" class="plain" onClick={() => onChoose(policy)}>
                  {policy}
                </button>
              </th>
              <td>
                <b class={outcome === 'works' ? 'good' : outcome === 'crashes' ? 'bad' : ''}>
                  {SIGNS[outcome] ?? ''} {outcome}
                </b>
              </td>
              <td>{ending}</td>
              <td>{rule !== undefined && <code>{rule}</code>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const SIGNS: Readonly<Record<string, string>> = {
  works: '✓',
  crashes: '✗',
  errors: '!',
  'falls back': '↷',
};
