/** `--port N` */
import { type Given, integerOf, type OptionSpec, UsageError } from '../arguments.js';

export const PORT_OPTION: OptionSpec = {
  name: 'port',
  value: 'N',
  help: 'port on 127.0.0.1; default: one that is free',
};

/** @throws UsageError for a number that is no port. */
export function portOf(given: Given): number | undefined {
  const port = integerOf(given, 'port');
  if (port === undefined || (port >= 1 && port <= 65_535)) return port;
  throw new UsageError(`--port is ${port}: expected 1 to 65535`);
}
