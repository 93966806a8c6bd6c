/** The editor as a component. It keeps its text and cursor while marks and problems come and go. */
import { useEffect, useRef } from 'preact/hooks';
import { Editor, type EditorProblem } from '../editor/editor.js';
import type { LineMark } from '../editor/marks.js';

export interface CodeEditorProps {
  readonly text: string;
  readonly label: string;
  readonly language?: 'assembly' | 'text';
  readonly firstLine?: number;
  readonly readOnly?: boolean;
  readonly marks?: readonly LineMark[];
  readonly problems?: readonly EditorProblem[];
  /** Kept in view. */
  readonly here?: number | undefined;
  /** Goes there once for each object. */
  readonly jump?: { readonly line: number } | undefined;
  readonly onChange?: (text: string) => void;
  readonly onGutter?: (line: number) => void;
  readonly onRun?: () => void;
}

/** Far more than anybody types between two pictures. */
const MOST_TYPED = 100;
const NONE: readonly never[] = [];

export function CodeEditor(props: CodeEditorProps) {
  const { text, marks = NONE, problems = NONE, firstLine = 1, here, jump } = props;
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  /** What was typed and has not come back as `text` yet, oldest first: who types is ahead of what is drawn. */
  const typed = useRef<string[]>([]);
  useEffect(() => {
    const made = new Editor({
      parent: host.current!,
      text,
      label: props.label,
      language: props.language ?? 'assembly',
      firstLine,
      readOnly: props.readOnly,
      onChange: (changed) => {
        typed.current = [...typed.current, changed].slice(-MOST_TYPED);
        latest.current.onChange?.(changed);
      },
      ...(props.onGutter && { onGutter: (line) => latest.current.onGutter?.(line) }),
      onRun: () => latest.current.onRun?.(),
    });
    editor.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    const own = typed.current.lastIndexOf(text);
    typed.current = typed.current.slice(own + 1);
    if (own === -1) {
      typed.current = [];
      editor.current?.setText(text);
    }
  }, [text]);
  useEffect(() => editor.current?.setFirstLine(firstLine), [firstLine]);
  useEffect(() => editor.current?.setMarks(marks), [marks]);
  useEffect(() => editor.current?.setProblems(problems), [problems]);
  useEffect(() => {
    if (here !== undefined) editor.current?.reveal(here);
  }, [here]);
  useEffect(() => {
    if (jump === undefined) return;
    editor.current?.goTo(jump.line);
    editor.current?.focus();
  }, [jump]);
  return <div class="editor" ref={host} />;
}
