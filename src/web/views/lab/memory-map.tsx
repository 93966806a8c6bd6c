/**
 * The memory map: a strip on which every mapping has a width by its size and gaps are cut short, and the same as a table.
 * Colours tell rights; letters in the strip and the table tell them without colours.
 */
import type { MappingView } from '../../lab/view.js';

const WIDTH = 1000;
const HEIGHT = 56;
const GAP = 14;
const LEAST = 44;

interface Placed {
  readonly mapping: MappingView;
  readonly x: number;
  readonly width: number;
  readonly gapBefore: boolean;
}

export function MemoryMap({ mappings, pc }: { mappings: readonly MappingView[]; pc: string }) {
  const placed = place(mappings);
  const at = BigInt(`0x${pc}`);
  const holds = ({ start, end }: MappingView): boolean =>
    BigInt(`0x${start}`) <= at && at < BigInt(`0x${end}`);
  return (
    <section class="pane map" aria-label="Memory map">
      <h2>Memory map</h2>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 22}`} aria-hidden="true" class="strip">
        <defs>
          <pattern id="may" width="6" height="6" patternUnits="userSpaceOnUse">
            <path d="M0 6 L6 0" class="hatch" />
          </pattern>
        </defs>
        {aliases(placed).map(([a, b]) => {
          const from = a.x + a.width / 2;
          const to = b.x + b.width / 2;
          return (
            <path
              key={`${a.x} ${b.x}`}
              class="alias"
              d={`M${from} ${HEIGHT} C${from} ${HEIGHT + 24} ${to} ${HEIGHT + 24} ${to} ${HEIGHT}`}
            />
          );
        })}
        {placed.map(({ mapping, x, width, gapBefore }) => (
          <g key={mapping.start} class={`rights-${rightsClass(mapping.perms)}`}>
            {gapBefore && <path class="gap" d={`M${x - GAP + 3} ${HEIGHT / 2} h${GAP - 6}`} />}
            <rect x={x} y="4" width={width} height={HEIGHT - 4} rx="3">
              <title>{titleOf(mapping)}</title>
            </rect>
            {mayMore(mapping) && (
              <rect
                x={x}
                y="4"
                width={width}
                height={HEIGHT - 4}
                rx="3"
                fill="url(#may)"
                class="more"
              />
            )}
            <text x={x + width / 2} y={HEIGHT / 2 + 8} text-anchor="middle">
              {mapping.perms.slice(0, 3)}
            </text>
            {holds(mapping) && (
              <path class="pc" d={`M${x + width / 2 - 6} 0 h12 l-6 8 z`}>
                <title>the current instruction is here</title>
              </path>
            )}
          </g>
        ))}
      </svg>
      <div class="table-scroll">
        <table class="maps mono">
          <thead>
            <tr>
              <th scope="col">addresses</th>
              <th scope="col">rights</th>
              <th scope="col">may become</th>
              <th scope="col">size</th>
              <th scope="col">what</th>
            </tr>
          </thead>
          <tbody>
            {mappings.map((mapping) => (
              <tr key={mapping.start}>
                <td>
                  {mapping.start}-{mapping.end}
                </td>
                <td>
                  <span class={`chip rights-${rightsClass(mapping.perms)}`}>{mapping.perms}</span>
                  {rightsClass(mapping.perms) === 'wx' && <b class="bad"> W+X</b>}
                </td>
                <td>{mapping.may}</td>
                <td>{sizeText(mapping.pages)}</td>
                <td>
                  <History mapping={mapping} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function History({ mapping: { name, history } }: { mapping: MappingView }) {
  const shown = name === '' ? 'memory without a name' : name;
  if (history.length === 0) return <>{shown}</>;
  return (
    <details>
      <summary>{shown}</summary>
      <ol>
        {history.map((step, index) => (
          <li key={index}>{step}</li>
        ))}
      </ol>
    </details>
  );
}

/** Sizes in proportion, none below what can be seen and read. */
function place(mappings: readonly MappingView[]): Placed[] {
  const gaps = mappings.map((mapping, index) => {
    const before = mappings[index - 1];
    return before !== undefined && before.end !== mapping.start;
  });
  const room = WIDTH - gaps.filter(Boolean).length * GAP - mappings.length * LEAST;
  const pages = mappings.reduce((sum, each) => sum + Math.sqrt(each.pages), 0);
  let x = 0;
  return mappings.map((mapping, index) => {
    const gapBefore = gaps[index] === true;
    if (gapBefore) x += GAP;
    const width = LEAST + (Math.max(room, 0) * Math.sqrt(mapping.pages)) / pages;
    const placed = { mapping, x, width: width - 1, gapBefore };
    x += width;
    return placed;
  });
}

/** Pairs of views of the same bytes. */
function aliases(placed: readonly Placed[]): [Placed, Placed][] {
  return placed.flatMap((a, index) =>
    placed.slice(index + 1).flatMap((b): [Placed, Placed][] => {
      const same = a.mapping.name === b.mapping.name && a.mapping.name.startsWith('/');
      const overlap =
        a.mapping.offset < b.mapping.offset + b.mapping.pages * 4096 &&
        b.mapping.offset < a.mapping.offset + a.mapping.pages * 4096;
      return same && overlap ? [[a, b]] : [];
    }),
  );
}

export function rightsClass(perms: string): string {
  const w = perms[1] === 'w';
  const x = perms[2] === 'x';
  if (w && x) return 'wx';
  if (x) return 'x';
  if (w) return 'w';
  return perms[0] === 'r' ? 'r' : 'none';
}

function mayMore({ may, perms }: MappingView): boolean {
  return [1, 2].some((bit) => may[bit] !== undefined && may[bit] !== '-' && perms[bit] === '-');
}

function titleOf({ start, end, perms, name, may, history }: MappingView): string {
  const more = may === '' ? '' : `, may become ${may}`;
  return [`${start}-${end} ${perms} ${name}${more}`, ...history].join('\n');
}

function sizeText(pages: number): string {
  const kib = pages * 4;
  return kib >= 1024 ? `${Math.round(kib / 102.4) / 10} MiB` : `${kib} KiB`;
}
