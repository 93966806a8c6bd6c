/** The text of a lesson as a page has it: prose without front matter, blocks that can be changed, a part to open. */
import type { Code, Paragraph, Root, RootContent, Table } from 'mdast';

/** Front matter is left out; lines keep their numbers. */
export function bodyOf(text: string): string {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trimEnd() !== '---') return text;
  const end = lines.findIndex((line, index) => index > 0 && line.trimEnd() === '---');
  return end === -1
    ? text
    : [...lines.slice(0, end + 1).map(() => ''), ...lines.slice(end + 1)].join('\n');
}

export type BodyPart =
  | { readonly kind: 'prose'; readonly node: RootContent }
  /** What the reader opens when ready. */
  | { readonly kind: 'try'; readonly title: string; readonly nodes: readonly RootContent[] };

const TRY = /^try it yourself/i;

/** The title comes from the front matter, so that a first heading is not shown twice. */
export function partsOf(root: Root, title: string): BodyPart[] {
  const parts: BodyPart[] = [];
  let open: { depth: number; nodes: RootContent[] } | undefined;
  for (const node of root.children) {
    if (node.type === 'heading') {
      const text = headingText(node);
      if (node.depth === 1 && text === title) continue;
      if (open !== undefined && node.depth <= open.depth) open = undefined;
      if (TRY.test(text)) {
        open = { depth: node.depth, nodes: [] };
        parts.push({ kind: 'try', title: text, nodes: open.nodes });
        continue;
      }
    }
    if (open === undefined) parts.push({ kind: 'prose', node });
    else open.nodes.push(node);
  }
  return parts;
}

function headingText(node: Extract<RootContent, { type: 'heading' }>): string {
  return node.children.map((child) => ('value' in child ? child.value : '')).join('');
}

/** A paragraph in italics from end to end is the answer to what was asked before. */
export function isAnswer(node: RootContent): node is Paragraph {
  return (
    node.type === 'paragraph' && node.children.length === 1 && node.children[0]?.type === 'emphasis'
  );
}

export interface AsmBlock {
  readonly program: string;
  /** Of the first line of content, from 1. */
  readonly first: number;
  /** Behind the last line of content. */
  readonly end: number;
  readonly text: string;
}

/** Undefined for a block that is no program. */
export function asmBlock(node: Code): AsmBlock | undefined {
  if (node.lang !== 'asm' || node.position === undefined) return undefined;
  const [head = ''] = (node.meta ?? '').split(/\s+/);
  const first = node.position.start.line + 1;
  const program = head === '' || head.includes(':') ? 'main' : head;
  const length = node.value === '' ? node.position.end.line - first : node.value.split('\n').length;
  return { program, first, end: first + length, text: node.value };
}

/** The text with other content in a block. */
export function withBlock(text: string, { first, end }: AsmBlock, content: string): string {
  const lines = text.split(/\r?\n/);
  return [...lines.slice(0, first - 1), ...content.split('\n'), ...lines.slice(end - 1)].join('\n');
}

/** The table that says how each run ends: columns policy, outcome, why. */
export function isOutcomeTable(table: Table): boolean {
  const names = table.children[0]?.children.map((cell) =>
    cell.children
      .map((child) => ('value' in child ? child.value : ''))
      .join('')
      .trim(),
  );
  return names?.includes('policy') === true && names.includes('outcome');
}
