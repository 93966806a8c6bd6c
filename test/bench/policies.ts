/** What the policy layer costs: the calls that it judges, under five policies, under one, and under none. */
import { guestCycle, hostCycle } from './cycles.js';
import { contest } from './measure.js';
import type { Row, Table } from './table.js';

/** Differences are small beside what a busy machine does to a round. */
const ROUNDS = 20;
const FIVE = 'nx+wx+mdwe+selinux+memfd-noexec';

export async function policiesTables(): Promise<Table[]> {
  const row = async (what: string, cycle: typeof hostCycle): Promise<Row> => {
    const contenders = ['none', 'nx', FIVE].map((policy) => () => cycle(policy, false));
    const best = await contest(contenders, ROUNDS);
    const [none, nx, five] = best.map((ms) => 1000 / ms);
    return { what, values: [none, nx, five, five! / none!, five! / nx!] };
  };
  const title = 'policies: mmap + mprotect + munmap, cycles/s';
  const rows = [
    await row(`by the library, ${FIVE}`, hostCycle),
    await row('by a guest program, the same', guestCycle),
  ];
  return [{ title, columns: ['none', 'nx', 'five', 'five/none', 'five/nx'], rows }];
}
