/** A strict reader of the XML that JUnit reports use: elements, attributes, text, the five entities. */
export interface Element {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: Element[];
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

export class XMLParser {
  #rest: string;

  constructor(text: string) {
    if ([...text].some((char) => char < ' ' && !'\t\n\r'.includes(char)))
      throw new Error('a control character');
    this.#rest = text.replace(/^<\?xml [^?]*\?>\s*/, '');
  }

  parse(): Element {
    const root = this.#element();
    if (this.#rest.trim() !== '') throw new Error(`after the end: ${this.#rest}`);
    return root;
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    const match = pattern.exec(this.#rest);
    if (match !== null) this.#rest = this.#rest.slice(match[0].length);
    return match;
  }

  #element(): Element {
    const [, name = ''] = this.#take(/^<([\w-]+)/) ?? [];
    if (name === '') throw new Error(`no element: ${this.#rest.slice(0, 40)}`);
    const element: Element = { name, attributes: {}, children: [], text: '' };
    for (let found = this.#take(/^\s+([\w-]+)="([^"<]*)"/); found !== null; ) {
      element.attributes[found[1]!] = decoded(found[2]!);
      found = this.#take(/^\s+([\w-]+)="([^"<]*)"/);
    }
    if (this.#take(/^\s*\/>/) !== null) return element;
    if (this.#take(/^\s*>/) === null) throw new Error(`in ${name}: ${this.#rest.slice(0, 40)}`);
    while (this.#take(new RegExp(`^</${name}>`)) === null) {
      const text = this.#take(/^[^<]+/);
      if (text === null) element.children.push(this.#element());
      else element.text += decoded(text[0]);
    }
    return element;
  }
}

function decoded(text: string): string {
  return text.replace(/&(#\d+|\w+)?;?/g, (whole, name: string | undefined) => {
    if (name?.startsWith('#') && whole.endsWith(';'))
      return String.fromCodePoint(Number(name.slice(1)));
    const char = ENTITIES[name ?? ''];
    if (char === undefined || !whole.endsWith(';')) throw new Error(`a bare & in: ${text}`);
    return char;
  });
}
