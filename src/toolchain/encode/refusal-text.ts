/** What is wrong with a statement that the encoder refuses, in words. */
import { nearest } from '../../base/errors.js';
import { MNEMONICS } from '../../x86/mnemonics.js';
import type { EncoderRefusal } from './encoder.js';
import { isPrefix } from './keystone/quirks.js';
import type { RenderedItem } from './layout.js';

export function refusalText(
  encoder: string,
  code: EncoderRefusal,
  { item, text }: RenderedItem,
): string {
  const mnemonic = mnemonicOf(item.statement.text);
  switch (code) {
    case 'crash':
      return `${encoder} ends itself over this`;
    case 'mnemonic': {
      const guess = nearest(mnemonic, MNEMONICS);
      const hint = guess === undefined || guess === mnemonic ? '' : `; did you mean '${guess}'?`;
      return `unknown mnemonic '${mnemonic}'${hint}`;
    }
    case 'operands':
    case 'silence':
      return `'${mnemonic}' does not take these operands${sizeHint(text)}`;
    case 'feature':
      return `'${mnemonic}' does not exist in ${item.mode.bits}-bit code with these operands`;
    case 'symbol':
      return `'${mnemonic}' names a register that ${item.mode.bits}-bit code does not have here`;
    case 'reach':
      return misplacedText({ item, text });
    default:
      return `${encoder} cannot assemble this (error ${code})`;
  }
}

/** The first word that is no prefix, as written. */
function mnemonicOf(text: string): string {
  const words = text.toLowerCase().split(/\s+/);
  return words.find((word) => !isPrefix(word)) ?? words[0] ?? '';
}

/** `inc [rax]`: how wide? */
function sizeHint(text: string): string {
  const sized = /\bptr\b/.test(text) || /%/.test(text);
  const register = /\b([re]?[a-ds][xipl]|[re]?[sd]i|[re]?[bs]p|r\d+[bwd]?|[xyz]?mm\d+|st)\b/;
  const outside = text.replace(/\[[^\]]*\]/g, '');
  const unsized = /\[/.test(text) && !sized && !register.test(outside.replace(/^\S+/, ''));
  return unsized ? ': say how wide the memory is, for instance dword ptr' : '';
}

/** It is wrong where it stands only. */
export function misplacedText({ item, text }: RenderedItem): string {
  if (/^(j|call|loop)/.test(mnemonicOf(item.statement.text))) {
    return 'the target is too far away for this instruction';
  }
  if (item.mode.bits === 64 && /\bzz\d+\b/.test(text)) {
    return 'an address does not fit in 32 bits here: use lea with [rip + label], or movabs';
  }
  return 'a value does not fit where it is used';
}
