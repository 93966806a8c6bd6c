/**
 * Markdown as elements of the page. The text is parsed to a tree and each node becomes an element here, so that no
 * markup of a lesson's is ever read as HTML: what looks like a tag is shown as text.
 */
import type { Nodes, PhrasingContent, Root, RootContent, Table } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmTableFromMarkdown } from 'mdast-util-gfm-table';
import { gfmTable } from 'micromark-extension-gfm-table';
import type { ComponentChildren, VNode } from 'preact';

export function parseMarkdown(text: string): Root {
  return fromMarkdown(text, {
    extensions: [gfmTable()],
    mdastExtensions: [gfmTableFromMarkdown()],
  });
}

/** What a view draws its own way; undefined: as usual. */
export type Custom = (node: RootContent, key: string) => VNode | undefined;

export function Markdown({ nodes, custom }: { nodes: readonly RootContent[]; custom?: Custom }) {
  return <>{nodes.map((node, index) => block(node, String(index), custom))}</>;
}

function block(node: RootContent, key: string, custom: Custom | undefined): ComponentChildren {
  const own = custom?.(node, key);
  if (own !== undefined) return own;
  switch (node.type) {
    case 'paragraph':
      return <p key={key}>{inline(node.children)}</p>;
    case 'heading': {
      const Tag = HEADINGS[node.depth - 1] ?? 'h6';
      return <Tag key={key}>{inline(node.children)}</Tag>;
    }
    case 'blockquote':
      return (
        <blockquote key={key}>
          {node.children.map((child, at) => block(child, `${key}.${at}`, custom))}
        </blockquote>
      );
    case 'list': {
      const Tag = node.ordered ? 'ol' : 'ul';
      return (
        <Tag key={key}>
          {node.children.map((item, at) => (
            <li key={`${key}.${at}`}>
              {item.children.map((child, i) => tight(child, `${key}.${at}.${i}`, custom))}
            </li>
          ))}
        </Tag>
      );
    }
    case 'code':
      return (
        <pre key={key}>
          <code>{node.value}</code>
        </pre>
      );
    case 'thematicBreak':
      return <hr key={key} />;
    case 'table':
      return <PlainTable key={key} table={node} />;
    case 'html':
      return <p key={key}>{node.value}</p>;
    default:
      return null;
  }
}

const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'] as const;

/** An item's only paragraph needs no distance to the next item. */
function tight(node: RootContent, key: string, custom: Custom | undefined): ComponentChildren {
  return node.type === 'paragraph' ? inline(node.children) : block(node, key, custom);
}

function PlainTable({ table }: { table: Table }) {
  const [head, ...rows] = table.children;
  return (
    <div class="table-scroll">
      <table>
        <thead>
          <tr>
            {head?.children.map((cell, index) => (
              <th key={index} scope="col">
                {inline(cell.children)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.children.map((cell, index) => (
                <td key={index}>{inline(cell.children)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function inline(nodes: readonly PhrasingContent[]): ComponentChildren {
  return nodes.map((node, index) => phrase(node, index));
}

function phrase(node: PhrasingContent, key: number): ComponentChildren {
  switch (node.type) {
    case 'text':
      return node.value;
    case 'inlineCode':
      return <code key={key}>{node.value}</code>;
    case 'emphasis':
      return <em key={key}>{inline(node.children)}</em>;
    case 'strong':
      return <strong key={key}>{inline(node.children)}</strong>;
    case 'break':
      return <br key={key} />;
    case 'link':
      return link(node.url, inline(node.children), key);
    case 'html':
      return node.value;
    default:
      return textOf(node);
  }
}

/** Only to the web, and to other lessons. What a link of another kind says is shown without the link. */
function link(url: string, text: ComponentChildren, key: number): ComponentChildren {
  if (/^https?:\/\//i.test(url)) {
    return (
      <a key={key} href={url} rel="noreferrer noopener" target="_blank">
        {text}
      </a>
    );
  }
  const lesson = /^(?:\.\.\/)?([\w-]+\/[\w-]+\.md)$/.exec(url)?.[1];
  if (lesson === undefined) return text;
  return (
    <a key={key} href={`#/lesson/${lesson}`}>
      {text}
    </a>
  );
}

export function textOf(node: Nodes): string {
  if ('value' in node) return node.value;
  return 'children' in node ? node.children.map(textOf).join('') : '';
}
