/** The twelve calls of policies.md 14, in one process. */
import { O_RDWR } from '../../../src/abi/linux/fcntl.js';
import { MAP_PRIVATE } from '../../../src/abi/linux/mman.js';
import { type Guest, PAGE, R, Refused, W, X } from './guest.js';

export function oracle(guest: Guest): string[] {
  const results: string[] = [];
  /** Undefined: what the step needs was refused before. */
  const step = (what: () => bigint | undefined): bigint | undefined => {
    try {
      const value = what();
      results.push(value === undefined ? '-' : 'ok');
      return value;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      results.push(error.message);
      return undefined;
    }
  };
  const protect = (at: bigint | undefined, prot: number, length = PAGE): void => {
    step(() => (at === undefined ? undefined : guest.call('mprotect', at, length, prot)));
  };

  const first = step(() => guest.map(PAGE, R | W));
  protect(first, R);
  protect(first, R | X);
  const second = step(() => guest.map(PAGE, R | X));
  protect(second, R | W);
  protect(second, R | X);
  step(() => guest.map(PAGE, R | W | X));
  step(() => {
    const at = guest.map(PAGE, R | W, MAP_PRIVATE, guest.open('/dev/zero', O_RDWR));
    guest.write(at);
    return guest.call('mprotect', at, PAGE, X);
  });
  step(() => guest.call('mprotect', guest.heap(1), PAGE, X));
  protect(first! + 1n, R);
  protect(0x1_0000n, R | X);
  protect(first, 0xff, 0);
  return results;
}
