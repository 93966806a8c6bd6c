/**
 * The editor: CodeMirror in a shadow root. There its styles come as constructed style sheets, which a page's
 * Content-Security-Policy allows without inline styles.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { assembly } from './assembly.js';
import { type LineMark, lineMarks, setMarks } from './marks.js';

export interface EditorOptions {
  readonly parent: HTMLElement;
  readonly text: string;
  /** Its name for screen readers. */
  readonly label: string;
  readonly language: 'assembly' | 'text';
  /** Number of its first line; default 1. */
  readonly firstLine?: number | undefined;
  readonly readOnly?: boolean | undefined;
  readonly onChange?: ((text: string) => void) | undefined;
  /** Somebody points at the margin of a line. */
  readonly onGutter?: ((line: number) => void) | undefined;
  /** Mod-Enter. */
  readonly onRun?: (() => void) | undefined;
}

/** A mistake in the text; line and column count from 1 and are those of the editor. */
export interface EditorProblem {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly message: string;
}

const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--faint)', fontStyle: 'italic' },
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: tags.meta, color: 'var(--code-meta)' },
  { tag: tags.labelName, color: 'var(--code-label)', fontWeight: '600' },
  { tag: tags.special(tags.variableName), color: 'var(--code-register)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.atom, color: 'var(--code-number)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.annotation, color: 'var(--code-check)' },
]);

const theme = EditorView.theme({
  '&': { color: 'var(--ink)', backgroundColor: 'var(--code)', fontSize: 'var(--code-size)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--code)', color: 'var(--faint)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine': { backgroundColor: 'var(--active-line)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--selection) !important',
  },
  '.cm-marks': { width: '1.4em' },
  '.cm-marks .cm-gutterElement': { textAlign: 'center', fontWeight: '700' },
  '.cm-mark-pass': { color: 'var(--good)' },
  '.cm-mark-fail': { color: 'var(--bad)' },
  '.cm-mark-here': { color: 'var(--focus)' },
  '.cm-mark-breakpoint': { color: 'var(--bad)' },
  '.cm-line-pass': { backgroundColor: 'var(--good-soft)' },
  '.cm-line-fail': { backgroundColor: 'var(--bad-soft)' },
  '.cm-line-here': {
    backgroundColor: 'var(--here-soft)',
    boxShadow: 'inset 3px 0 0 var(--focus)',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--card)',
    color: 'var(--ink)',
    border: '1px solid var(--line)',
  },
  '.cm-diagnostic': { fontFamily: 'var(--sans)', borderLeft: '4px solid var(--bad)' },
});

export class Editor {
  readonly #view: EditorView;
  readonly #gutter = new Compartment();
  #firstLine: number;
  /** A change that does not come from the keyboard is none to tell of. */
  #silent = false;

  constructor(options: EditorOptions) {
    const { parent, text, label, language, onChange, onGutter, onRun, firstLine = 1 } = options;
    this.#firstLine = firstLine;
    const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
    const extensions = [
      this.#gutter.of(this.#numbers()),
      lineMarks(onGutter),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      highlightActiveLine(),
      keymap.of([
        {
          key: 'Mod-Enter',
          run: () => {
            onRun?.();
            return onRun !== undefined;
          },
        },
        ...defaultKeymap,
        ...historyKeymap,
        indentWithTab,
      ]),
      EditorView.contentAttributes.of({ 'aria-label': label }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged && !this.#silent) onChange?.(update.state.doc.toString());
      }),
      theme,
      syntaxHighlighting(colours),
      language === 'assembly' ? [assembly, lintGutter()] : EditorView.lineWrapping,
      EditorState.readOnly.of(options.readOnly === true),
    ];
    this.#view = new EditorView({
      state: EditorState.create({ doc: text, extensions }),
      parent: root,
      root,
    });
    // Long lines are reached by keyboard too.
    this.#view.scrollDOM.tabIndex = 0;
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  setText(text: string): void {
    const { doc } = this.#view.state;
    if (doc.toString() === text) return;
    this.#silent = true;
    this.#view.dispatch({ changes: changeBetween(doc.toString(), text) });
    this.#silent = false;
  }

  setFirstLine(line: number): void {
    if (line === this.#firstLine) return;
    this.#firstLine = line;
    this.#view.dispatch({ effects: this.#gutter.reconfigure(this.#numbers()) });
  }

  setMarks(marks: readonly LineMark[]): void {
    this.#view.dispatch({ effects: setMarks.of(marks) });
  }

  setProblems(problems: readonly EditorProblem[]): void {
    const { doc } = this.#view.state;
    const diagnostics = problems.flatMap(({ line, column, length, message }): Diagnostic[] => {
      if (line < 1 || line > doc.lines) return [];
      const at = doc.line(line);
      const from = Math.min(at.from + Math.max(column, 1) - 1, at.to);
      return [
        { from, to: Math.min(from + Math.max(length, 1), at.to), severity: 'error', message },
      ];
    });
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  /** Into view, and the cursor there. */
  goTo(line: number): void {
    const { doc } = this.#view.state;
    const { from } = doc.line(Math.min(Math.max(line, 1), doc.lines));
    this.#view.dispatch({
      selection: { anchor: from },
      effects: EditorView.scrollIntoView(from, { y: 'center' }),
    });
  }

  /** Into view, as far as the editor scrolls itself; the cursor stays. */
  reveal(line: number): void {
    const { doc } = this.#view.state;
    if (line < 1 || line > doc.lines) return;
    const block = this.#view.lineBlockAt(doc.line(line).from);
    const { scrollDOM } = this.#view;
    const visible =
      block.top >= scrollDOM.scrollTop &&
      block.bottom <= scrollDOM.scrollTop + scrollDOM.clientHeight;
    if (!visible) scrollDOM.scrollTop = block.top - scrollDOM.clientHeight / 3;
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }

  #numbers(): ReturnType<typeof lineNumbers> {
    const before = this.#firstLine - 1;
    return lineNumbers({ formatNumber: (line) => String(line + before) });
  }
}

/** The part that differs, so that the cursor stays where it is. */
function changeBetween(was: string, is: string): { from: number; to: number; insert: string } {
  const shorter = Math.min(was.length, is.length);
  let from = 0;
  while (from < shorter && was[from] === is[from]) from++;
  let end = 0;
  while (end < shorter - from && was[was.length - 1 - end] === is[is.length - 1 - end]) end++;
  return { from, to: was.length - end, insert: is.slice(from, is.length - end) };
}
