/** Answers that take runs of their own: why it was refused, and what every policy says. */
import type { Rewrite } from '../../lab/rewrites.js';
import type { ExplainView, PolicyCell } from '../../lab/view.js';

export interface ExplanationProps {
  readonly found: ExplainView | undefined;
  /** Puts it into the program, where it can be seen. */
  readonly onRewrite: (rewrite: Rewrite) => void;
  readonly onPolicy: (policy: string) => void;
}

export function ExplanationPane({ found, onRewrite, onPolicy }: ExplanationProps) {
  if (found === undefined) {
    return <p>Nothing was refused that another call or a weaker policy would allow.</p>;
  }
  const { asked, rule, why, history, works, weakens, rewrites, refused } = found;
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
      <Applicable
        title="Changes of this program that work"
        action="Change the program"
        entries={rewrites.map((rewrite) => ({
          text: rewrite.text,
          apply: () => onRewrite(rewrite),
        }))}
      />
      <Applicable
        title="Weakens the policy"
        action="Change the policy"
        entries={weakens.map(({ text, policy }) => ({
          text,
          apply: policy === undefined ? undefined : () => onPolicy(policy),
        }))}
      />
      <List title="Does not help" entries={refused} />
    </dl>
  );
}

interface ApplicableProps {
  readonly title: string;
  readonly action: string;
  readonly entries: readonly { readonly text: string; readonly apply: (() => void) | undefined }[];
}

function Applicable({ title, action, entries }: ApplicableProps) {
  if (entries.length === 0) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <ul>
          {entries.map(({ text, apply }) => (
            <li key={text}>
              {text}{' '}
              {apply !== undefined && (
                <button type="button" aria-label={`${action}: ${text}`} onClick={apply}>
                  {action}
                </button>
              )}
            </li>
          ))}
        </ul>
      </dd>
    </>
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
