/** What a stream can show: colour and width on a terminal, plain text everywhere else. */

import { visible } from '../../index.js';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

const ESCAPE = '\x1b';

/** What `paint` writes; a group, so that a text can be split at it. */
export const OWN_SEQUENCE = new RegExp(
  `(${ESCAPE}\\[(?:${Object.values(CODES).flat().join('|')})m)`,
);

export interface Terminal {
  readonly isTerminal: boolean;
  /** Columns; where the stream is no terminal, lines need not break and this is Infinity. */
  readonly width: number;
  /** What a terminal would obey in the text is spelt out. */
  paint(colour: Colour, text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Colour follows https://no-color.org: never when NO_COLOR is set to anything. */
export function hasColour({ isTTY }: Stream, env: NodeJS.ProcessEnv = process.env): boolean {
  return isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

export function terminalOf(stream: Stream, env: NodeJS.ProcessEnv = process.env): Terminal {
  const isTerminal = stream.isTTY === true;
  const colour = hasColour(stream, env);
  return {
    isTerminal,
    width: isTerminal ? (stream.columns ?? 80) : Number.POSITIVE_INFINITY,
    paint(name, text) {
      const [on, off] = CODES[name];
      const shown = visible(text);
      return colour ? `${ESCAPE}[${on}m${shown}${ESCAPE}[${off}m` : shown;
    },
  };
}

/** Breaks text between words so that no line is longer than `width`, unless one word is. */
export function wrap(given: string, width: number): string[] {
  const text = visible(given);
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
