/** Snapshots of the kernel's state: each part that changes hands out what puts it back as it was. */

export interface Saved {
  /** Puts the state back; may be done any number of times. */
  restore(): void;
  /** Gives back what only the snapshot holds (frames). No restore after it. */
  drop(): void;
}

export interface Savable {
  save(): Saved;
}

export function saved(restore: () => void, drop: () => void = () => {}): Saved {
  return { restore, drop };
}

/** Parts are restored in the order given. */
export function saveAll(parts: Iterable<Savable>): Saved {
  const all = Array.from(parts, (part) => part.save());
  return saved(
    () => {
      for (const each of all) each.restore();
    },
    () => {
      for (const each of all) each.drop();
    },
  );
}
