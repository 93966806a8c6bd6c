/** The one check of options objects: whatever a door does not know is named, with the nearest right spelling. */
import { checkRecord, checkText, isRecord, shownValue } from './arguments.js';
import { MayexecError, unknownValue } from './errors.js';

/** Every name of an interface, so that the compiler sees to it that none is missing here and none is made up. */
export type OptionNames<T> = { readonly [Name in keyof Required<T>]: true };

/**
 * @param door What was called, for the message: 'call', 'toFault'.
 * @throws MayexecError when `given` is no object, and for the first name in it that is not among `names`.
 */
export function checkOptionNames<T extends object>(
  door: string,
  given: T | undefined,
  names: OptionNames<T>,
): void {
  checkText('the door', door);
  checkRecord(`the names of ${door}`, names, 'an object of names');
  if (given === undefined) return;
  const known = Object.keys(names);
  if (!isRecord(given)) {
    throw new MayexecError(
      `${door}: the options are ${shownValue(given)}: expected an object of ${known.join(', ')}`,
    );
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(names, name)) {
      throw new MayexecError(`${door}: ${unknownValue('option', name, known).message}`);
    }
  }
}
