/**
 * HostTask: work of the host's during which the guest may have to run (a handler, an initialiser, a callback). It is a
 * generator: what it yields is why the run is interrupted, and asked again it goes on from there. So a run can pause in
 * the midst of it.
 */
export type Interruption = 'paused' | 'blocks' | 'memory';

/** 'turn': another thread of the process is to run. */
export type HostTask<T> = Generator<Interruption | 'turn', T, void>;

/** A task of all threads together, which has no turns. */
export type HostRun<T> = Generator<Interruption, T, void>;

/** A function of the host gives its answer, or a task that comes to it. */
export function isTask<T extends bigint | number | boolean>(
  value: T | HostTask<T>,
): value is HostTask<T> {
  return typeof value === 'object';
}
