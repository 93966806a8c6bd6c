/** How a process says that it is over. */
import { ProcessEnded } from '../calls/control.js';

export function exitProcess(code: number): never {
  throw new ProcessEnded({ kind: 'exit', code: code >>> 0 });
}
