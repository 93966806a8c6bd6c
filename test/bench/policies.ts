/** What the policy layer costs: the calls that it judges, under five policies against under none. */
import { guestCycle, hostCycle } from './cycles.js';
import { contest } from './measure.js';
import type { Row, Table } from './table.js';

const FIVE = 'nx+wx+mdwe+selinux+memfd-noexec';

export async function policiesTables(): Promise<Table[]> {
  const row = async (what: string, cycle: typeof hostCycle): Promise<Row> => {
    const best = await contest(['none', FIVE].map((policy) => () => cycle(policy, false)));
    const [none, five] = best.map((ms) => 1000 / ms);
    return { what, values: [none, five, five! / none!] };
  };
  const title = 'policies: mmap + mprotect + munmap, cycles/s';
  const rows = [
    await row(`by the library, ${FIVE}`, hostCycle),
    await row('by a guest program, the same', guestCycle),
  ];
  return [{ title, columns: ['none', 'five', 'five/none'], rows }];
}
