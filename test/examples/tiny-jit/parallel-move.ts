/** Moves that happen at once: arguments into the registers of a convention, parameters out of them. */
import { type Encoder, type Place, RAX } from './encoder.js';

export interface Move {
  readonly to: Place;
  /** A register, memory off the stack pointer, or a constant. */
  readonly from: Place | bigint;
}

/** rax must hold nothing that is needed: a cycle goes through it. Moves to memory come from registers. */
export function moveAtOnce(code: Encoder, moves: readonly Move[]): void {
  let pending: Move[] = [];
  for (const move of moves) {
    if (typeof move.to === 'number') pending.push(move);
    else if (typeof move.from === 'number') code.store(move.to, move.from);
  }
  pending = pending.filter(({ to, from }) => to !== from);
  while (pending.length > 0) {
    const ready = pending.find(({ to }) => !pending.some(({ from }) => from === to));
    if (ready !== undefined) {
      moveOne(code, ready);
      pending = pending.filter((each) => each !== ready);
      continue;
    }
    // All that is left are cycles. One value steps aside.
    const { to } = pending[0]!;
    code.move(RAX, to);
    pending = pending.map((each) => (each.from === to ? { ...each, from: RAX } : each));
  }
}

function moveOne(code: Encoder, { to, from }: Move): void {
  if (typeof to !== 'number') return;
  if (typeof from === 'bigint') code.constant(to, from);
  else code.move(to, from);
}
