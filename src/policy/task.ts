/** Who asks, for log lines: what the kernel told the stack, or a stand-in where nobody told it. */
import type { MmFacts, TaskFacts } from './policy.js';

const STAND_IN: TaskFacts = {
  pid: 1,
  comm: 'program',
  exe: '/program',
  uid: 0,
  euid: 0,
  gid: 0,
  egid: 0,
  parent: { pid: 0, comm: 'sandbox', exe: '/' },
  now: { seconds: 0, milliseconds: 0 },
  auditSerial: 1,
};

export function taskOf(facts: MmFacts): TaskFacts {
  return facts.task ?? STAND_IN;
}
