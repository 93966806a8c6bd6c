/** How our assembly is coloured: GNU directives, Intel mnemonics, labels, numbers, and the lessons' `;@` checks. */
import { StreamLanguage, type StreamParser } from '@codemirror/language';

const REGISTER =
  /^(r(1[0-5]|[89])[dwb]?|[re]?(ax|bx|cx|dx|si|di|bp|sp|ip)|[abcd][lh]|(si|di|bp|sp)l|[xyz]?mm\d+|st|[cdefgs]s)\b/i;

interface LineState {
  /** A mnemonic may stand here. */
  atStart: boolean;
}

const parser: StreamParser<LineState> = {
  name: 'assembly',
  startState: () => ({ atStart: true }),
  token(stream, state) {
    if (stream.sol()) state.atStart = true;
    if (stream.eatSpace()) return null;
    if (stream.match(/^;@.*/)) return 'annotation';
    if (stream.match(/^(#|\/\/).*/)) return 'comment';
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return 'string';
    if (stream.eat(';')) {
      state.atStart = true;
      return 'punctuation';
    }
    if (state.atStart) {
      if (stream.match(/^[\w.$?@]+:/)) return 'labelName';
      state.atStart = false;
      if (stream.match(/^\.[\w.]+/)) return 'meta';
      if (stream.match(/^[\w.]+/)) return 'keyword';
    }
    if (stream.match(REGISTER)) return 'variableName.special';
    if (stream.match(/^(0x[\da-f]+|0b[01]+|\d+[bf]?)\b/i)) return 'number';
    if (stream.match(/^[A-Z][A-Z\d_]{2,}\b/)) return 'atom';
    if (stream.match(/^[\w.$?@]+/)) return 'variableName';
    stream.next();
    return 'punctuation';
  },
  languageData: { commentTokens: { line: '#' } },
};

export const assembly = StreamLanguage.define(parser);
