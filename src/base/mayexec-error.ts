import { spellOut } from './unseen.js';

/**
 * A wrong argument of the host program. The message names the value, what is accepted and the nearest spelling.
 * It quotes files and guests: what a terminal would obey is spelt out in it.
 */
export class MayexecError extends Error {
  override readonly name: string = 'MayexecError';

  constructor(message: string, options?: ErrorOptions) {
    super(spellOut(message, '\n\t'), options);
  }
}
