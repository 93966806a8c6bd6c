/** Marks of lines: checks that hold or fail, the current instruction, what ran. Colour never stands alone. */
import { type Extension, RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, GutterMarker, gutter } from '@codemirror/view';

export interface LineMark {
  /** Of the text in the editor, from 1. */
  readonly line: number;
  readonly kind: 'pass' | 'fail' | 'here' | 'ran' | 'breakpoint';
  /** For people who point at it or hear it. */
  readonly title: string;
}

const SIGNS: Readonly<Record<LineMark['kind'], string>> = {
  pass: '✓',
  fail: '✗',
  here: '▶',
  ran: '·',
  breakpoint: '●',
};

class Sign extends GutterMarker {
  readonly mark: LineMark;
  override elementClass: string;

  constructor(mark: LineMark) {
    super();
    this.mark = mark;
    this.elementClass = `cm-mark-${mark.kind}`;
  }

  override eq(other: Sign): boolean {
    return other.mark.kind === this.mark.kind && other.mark.title === this.mark.title;
  }

  override toDOM(): Node {
    const sign = document.createElement('span');
    sign.textContent = SIGNS[this.mark.kind];
    sign.title = this.mark.title;
    return sign;
  }
}

export const setMarks = StateEffect.define<readonly LineMark[]>();

const field = StateField.define<readonly LineMark[]>({
  create: () => [],
  update(marks, transaction) {
    const set = transaction.effects.find((effect) => effect.is(setMarks));
    if (set !== undefined) return set.value as readonly LineMark[];
    // What was true of another text is not shown beside this one.
    return transaction.docChanged ? marks.filter(({ kind }) => kind === 'breakpoint') : marks;
  },
});

export function lineMarks(onGutter?: (line: number) => void): Extension {
  return [
    field,
    EditorView.decorations.compute([field], (state): DecorationSet => {
      const builder = new RangeSetBuilder<Decoration>();
      const seen = new Set<number>();
      for (const { line, kind } of sorted(state.field(field))) {
        if (line < 1 || line > state.doc.lines || seen.has(line)) continue;
        seen.add(line);
        const { from } = state.doc.line(line);
        builder.add(from, from, Decoration.line({ class: `cm-line-${kind}` }));
      }
      return builder.finish();
    }),
    gutter({
      class: 'cm-marks',
      lineMarker(view, line) {
        const number = view.state.doc.lineAt(line.from).number;
        const mark = sorted(view.state.field(field)).find((each) => each.line === number);
        return mark === undefined ? null : new Sign(mark);
      },
      lineMarkerChange: (update) => update.startState.field(field) !== update.state.field(field),
      initialSpacer: () => new Sign({ line: 0, kind: 'pass', title: '' }),
      domEventHandlers: {
        mousedown(view, line) {
          onGutter?.(view.state.doc.lineAt(line.from).number);
          return onGutter !== undefined;
        },
      },
    }),
  ];
}

const ORDER: readonly LineMark['kind'][] = ['here', 'fail', 'breakpoint', 'pass', 'ran'];

/** By line; of several marks the most important one first. */
function sorted(marks: readonly LineMark[]): LineMark[] {
  return [...marks].sort(
    (a, b) => a.line - b.line || ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind),
  );
}
