/** What policies said to a call without refusing it, for the call's event: one cause of perhaps several. */
import { type Cause, causeOfVerdict, type Ruling } from '../../../../base/verdict.js';
import { VM_ACCESS } from '../vmas/vma.js';

/** Rights that were taken come before may bits, those before a note; of equals the first stays. */
export function remarkAfter(remark: Cause | undefined, ruling: Ruling): Cause | undefined {
  return remarksOf(ruling).reduce<Cause | undefined>(
    (kept, next) => (kept === undefined || weight(next) > weight(kept) ? next : kept),
    remark,
  );
}

function remarksOf(ruling: Ruling): readonly Cause[] {
  if (ruling.kind === 'narrow' && ruling.taken !== undefined) {
    return ruling.taken.map(({ rights, ...by }) => ({
      kind: 'narrowed',
      ...by,
      rights: rights & VM_ACCESS,
    }));
  }
  const cause = causeOfVerdict(ruling);
  return cause === undefined ? [] : [cause];
}

function weight({ kind, rights = 0 }: Cause): number {
  if (kind !== 'narrowed') return 1;
  return rights === 0 ? 2 : 3;
}
