/** What Windows asks its user when Data Execution Prevention stops a program, as XP SP2 did; and who is never asked about. */
import type { Addr } from '../base/address.js';
import { checkText } from '../base/arguments.js';

export interface DepQuestion {
  /** The program's file, as the dialog names it. */
  readonly name: string;
  /** The page that was to be executed. */
  readonly address: Addr;
  /** False: DEP cannot be switched off for it (a 64-bit program, the boot option AlwaysOn), whatever the answer. */
  readonly canExempt: boolean;
}

/** allow: the program is exempted and goes on; close: it ends with its exception. */
export type DepAnswer = 'allow' | 'close';

export interface DepOptions {
  /** The exemption list: names of program files, without folders; without case. It counts as far as the boot option lets it (optout). */
  readonly exempt?: readonly string[] | undefined;
  /** Asked at a fetch that DEP stops and no handler deals with; default: nobody is, and the program is closed. */
  readonly ask?: ((question: DepQuestion) => DepAnswer) | undefined;
}

/**
 * The exemption list as a file that people edit: a name on each line; what follows # is no part of it.
 * @throws MayexecError for what is no text.
 */
export function exemptionList(text: string): string[] {
  checkText('the exemption list', text);
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}
