/** The CPU engine itself broke (it aborted or ran into the host's limits). It is gone; open another. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure';
}
