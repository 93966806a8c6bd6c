/** The service worker, where the browser has one: after the first visit the page needs no network. */

import { isServed } from '../lessons/own-lessons.js';

/** Long enough that a lesson's first run comes first. */
const QUIET_MS = 8000;

export function keepOffline(): void {
  const { serviceWorker } = navigator;
  // What the command serves is this computer's already, and may change.
  if (serviceWorker === undefined || !isSecureContext || isServed) return;
  addEventListener('load', () => {
    serviceWorker
      .register(new URL('./sw.js', import.meta.url))
      .then(() => serviceWorker.ready)
      .then((registration) => {
        setTimeout(() => registration.active?.postMessage('keep all'), QUIET_MS);
      })
      // A browser that forbids it still has the page while the network lasts.
      .catch(() => undefined);
  });
}
