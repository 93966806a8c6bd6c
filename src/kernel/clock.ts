/**
 * VirtualClock: time of an emulated machine. It moves only when something moves it (a system call,
 * a sleep), never by the host's clock, so that the same run sees the same times on every host and
 * with every engine.
 */

/** What one system call costs. Any positive value ends a loop that waits for a moment. */
const NANOSECONDS_PER_SYSCALL = 1000n;
const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** 2026-01-01T00:00:00Z, when every emulated machine was switched on. */
export const BOOT_NANOSECONDS = 1_767_225_600n * NANOSECONDS_PER_SECOND;

export interface Instant {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

export class VirtualClock {
  #sinceBoot = 0n;

  /** Since the machine was switched on. */
  get monotonic(): Instant {
    return instant(this.#sinceBoot);
  }

  /** Since 1970. */
  get realtime(): Instant {
    return instant(BOOT_NANOSECONDS + this.#sinceBoot);
  }

  get nanoseconds(): bigint {
    return this.#sinceBoot;
  }

  set nanoseconds(value: bigint) {
    this.#sinceBoot = value;
  }

  tick(): void {
    this.#sinceBoot += NANOSECONDS_PER_SYSCALL;
  }

  advance(nanoseconds: bigint): void {
    this.#sinceBoot += nanoseconds;
  }
}

export function instant(nanoseconds: bigint): Instant {
  return {
    seconds: nanoseconds / NANOSECONDS_PER_SECOND,
    nanoseconds: Number(nanoseconds % NANOSECONDS_PER_SECOND),
  };
}
