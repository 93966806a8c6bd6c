/** Serves until somebody ends it. */
import { stdout } from '../terminal/output.js';
import { type ServedWorkshop, serveWorkshop, type WorkshopServerOptions } from './server.js';

export async function serveUntilEnded(
  options: WorkshopServerOptions,
  ready: (served: ServedWorkshop) => Promise<void>,
): Promise<number> {
  const served = await serveWorkshop(options);
  await ready(served);
  stdout.lines(['It is served to this computer only, until Ctrl-C.']);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await served.close();
  return 0;
}
