/** A wrong argument of the host program. The message names the value, what is accepted and the nearest spelling. */
export class MayexecError extends Error {
  override readonly name: string = 'MayexecError';
}
