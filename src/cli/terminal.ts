/** What a stream can show: colour and width on a terminal, plain text everywhere else. */

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

export interface Terminal {
  readonly isTerminal: boolean;
  /** Columns; where the stream is no terminal, lines need not break and this is Infinity. */
  readonly width: number;
  paint(colour: Colour, text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Colour follows https://no-color.org: never when NO_COLOR is set to anything. */
export function terminalOf(stream: Stream, env: NodeJS.ProcessEnv = process.env): Terminal {
  const isTerminal = stream.isTTY === true;
  const colour = isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
  return {
    isTerminal,
    width: isTerminal ? (stream.columns ?? 80) : Number.POSITIVE_INFINITY,
    paint(name, text) {
      const [on, off] = CODES[name];
      return colour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
    },
  };
}

/** Breaks text between words so that no line is longer than `width`, unless one word is. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Text behind a label: further lines, and further texts, begin where the first one does. */
export function hang(label: string, texts: string | readonly string[], width: number): string[] {
  const space = ' '.repeat(label.length);
  return [texts]
    .flat()
    .flatMap((text) => wrap(text, width - label.length))
    .map((line, index) => (index === 0 ? label : space) + line);
}
