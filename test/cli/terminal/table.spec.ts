import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { renderTable } from '../../../src/cli/terminal/table.js';
import { hang, terminalOf, wrap } from '../../../src/cli/terminal/terminal.js';

const plain = terminalOf({}, {});
const rows = [
  [{ text: 'program' }, { text: 'nx' }, { text: 'wx' }],
  [{ text: 'malloc' }, { text: 'SIGSEGV', colour: 'red' as const }, { text: 'SIGSEGV' }],
  [{ text: 'a-longer-name' }, { text: '1001', colour: 'green' as const }, { text: 'exit 1' }],
];

describe('renderTable', () => {
  it('aligns columns and leaves no space at line ends', () => {
    expect(renderTable(rows, plain)).toEqual([
      'program        nx       wx',
      'malloc         SIGSEGV  SIGSEGV',
      'a-longer-name  1001     exit 1',
    ]);
  });

  it('paints on a terminal without moving a column', () => {
    const colourful = renderTable(rows, terminalOf({ isTTY: true, columns: 80 }, {}));
    expect(colourful[1]).toContain('\x1b[31mSIGSEGV\x1b[39m');
    expect(colourful.map(stripVTControlCharacters)).toEqual(renderTable(rows, plain));
  });

  it('goes on below when the terminal is too narrow, with the first column again', () => {
    expect(renderTable(rows, terminalOf({ isTTY: true, columns: 30 }, { NO_COLOR: '1' }))).toEqual([
      'program        nx',
      'malloc         SIGSEGV',
      'a-longer-name  1001',
      '',
      'program        wx',
      'malloc         SIGSEGV',
      'a-longer-name  exit 1',
    ]);
  });

  it('repeats as many columns as are keys', () => {
    const [first, , ...blocks] = renderTable(
      [['a', 'b', 'cc', 'dd'].map((text) => ({ text }))],
      terminalOf({ isTTY: true, columns: 8 }, { NO_COLOR: '1' }),
      2,
    );
    expect([first, ...blocks]).toEqual(['a  b  cc', 'a  b  dd']);
  });

  it('renders rows that lack cells', () => {
    expect(renderTable([[{ text: 'a' }, { text: 'b' }], [{ text: 'c' }]], plain)).toEqual([
      'a  b',
      'c',
    ]);
  });

  it('renders nothing for nothing', () => {
    expect(renderTable([], plain)).toEqual([]);
  });
});

describe('terminalOf', () => {
  const tty = { isTTY: true, columns: 100 };

  it.each<[string, object, NodeJS.ProcessEnv, boolean]>([
    ['a terminal', tty, {}, true],
    ['a pipe', {}, {}, false],
    ['NO_COLOR', tty, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR, which counts as unset', tty, { NO_COLOR: '' }, true],
    ['a dumb terminal', tty, { TERM: 'dumb' }, false],
  ])('colours for %s: decided', (_what, stream, env, expected) => {
    expect(terminalOf(stream, env).paint('red', 'x') !== 'x').toBe(expected);
  });

  it('knows the width of a terminal only', () => {
    expect(terminalOf(tty, {}).width).toBe(100);
    expect(terminalOf({}, {}).width).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('hang', () => {
  it('begins each line where the first one begins behind its label', () => {
    expect(hang('[1] ', ['one two three', 'four'], 11)).toEqual([
      '[1] one two',
      '    three',
      '    four',
    ]);
  });

  it('gives no label without a text', () => {
    expect(hang('[1] ', [], 80)).toEqual([]);
  });
});

describe('wrap', () => {
  it('breaks between words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  });

  it('keeps a word that is too long whole', () => {
    expect(wrap('a sesquipedalian b', 5)).toEqual(['a', 'sesquipedalian', 'b']);
  });

  it('leaves short text alone', () => {
    expect(wrap('one two', Number.POSITIVE_INFINITY)).toEqual(['one two']);
  });
});
