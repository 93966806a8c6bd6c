/** What a program runs in: world, architecture, policy, and the rarer options. */
import { LINKED_ARCHES, LINKED_SYSTEMS, type WorkshopCase } from '../../../link/workshop-case.js';
import type { PolicyOffer } from '../../lab/view.js';

export interface SurroundingsProps {
  readonly given: WorkshopCase;
  /** None before they are known. */
  readonly policies: readonly PolicyOffer[];
  readonly onChange: (given: WorkshopCase) => void;
}

export function Surroundings({ given, policies, onChange }: SurroundingsProps) {
  const set = (change: Partial<WorkshopCase>): void => onChange({ ...given, ...change });
  const optional = (value: string): string | undefined => (value === '' ? undefined : value);
  const name = given.policy.split(/[:+]/)[0];
  const known = policies.find((policy) => policy.name === name);
  const governed = given.os === 'wine' ? 'linux' : given.os;
  return (
    <div class="surroundings">
      <label>
        World
        <select
          value={given.os}
          onChange={({ currentTarget: { value } }) =>
            set({ os: LINKED_SYSTEMS.find((os) => os === value) ?? 'linux' })
          }
        >
          {LINKED_SYSTEMS.map((os) => (
            <option key={os}>{os}</option>
          ))}
        </select>
      </label>
      <label>
        Architecture
        <select
          value={given.arch}
          onChange={({ currentTarget: { value } }) =>
            set({ arch: LINKED_ARCHES.find((arch) => arch === value) ?? 'x86-64' })
          }
        >
          {LINKED_ARCHES.map((arch) => (
            <option key={arch}>{arch}</option>
          ))}
        </select>
      </label>
      <label class="wide">
        Policy
        <input
          class="mono"
          list="policies"
          value={given.policy}
          spellcheck={false}
          onInput={({ currentTarget: { value } }) => set({ policy: value })}
        />
      </label>
      <datalist id="policies">
        {policies
          .filter(({ os }) => os.some((each) => each === governed || each === given.os))
          .map((policy) => (
            <option key={policy.name} value={policy.name}>
              {policy.summary}
            </option>
          ))}
      </datalist>
      <details>
        <summary>
          {known === undefined ? 'More options' : `About ${known.name}, and more options`}
        </summary>
        {known !== undefined && (
          <>
            <p>{known.summary}</p>
            {known.options.length > 0 && (
              <ul>
                {known.options.map((option) => (
                  <li key={option.name}>
                    <code>
                      {known.name}:{option.name}={option.standard}
                    </code>{' '}
                    ({option.values.join(', ')}): {option.summary}
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
        <label>
          Arguments, one a line
          <textarea
            rows={2}
            value={(given.arguments ?? []).join('\n')}
            onInput={({ currentTarget: { value } }) =>
              set({ arguments: value === '' ? undefined : value.split('\n') })
            }
          />
        </label>
        <label>
          Standard input
          <textarea
            rows={2}
            value={given.stdin ?? ''}
            onInput={({ currentTarget: { value } }) => set({ stdin: optional(value) })}
          />
        </label>
        <label>
          Injected failures, as in <code>mmap:error=ENOMEM:when=2</code>
          <input
            class="mono"
            value={given.inject ?? ''}
            spellcheck={false}
            onInput={({ currentTarget: { value } }) => set({ inject: optional(value) })}
          />
        </label>
        <label>
          Seed of all that is random; 0: nothing is
          <input
            type="number"
            min={0}
            max={0xffffffff}
            value={given.seed ?? 1}
            onInput={({ currentTarget: { value } }) => set({ seed: seedOf(value) })}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={given.protectionKeys === true}
            onChange={({ currentTarget: { checked } }) =>
              set({ protectionKeys: checked ? true : undefined })
            }
          />
          A processor with protection keys
        </label>
      </details>
    </div>
  );
}

function seedOf(text: string): number | undefined {
  const value = Number(text);
  return text !== '' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff
    ? value
    : undefined;
}
