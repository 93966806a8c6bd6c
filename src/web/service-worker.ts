/**
 * Offline after the first visit: every file of the page is kept in a cache of its own, first what each view needs, the
 * rest when the page says that it is idle. Answers come from the cache; a new build is a new cache.
 */

/** By the build: the files beside this one, and a hash of all. */
declare const FILES: readonly string[];
declare const VERSION: string;

/** What a service worker's global has, as far as it is used here. */
interface ServiceWorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener<K extends keyof ServiceWorkerEvents>(
    type: K,
    listener: (event: ServiceWorkerEvents[K]) => void,
  ): void;
}

interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}

interface ServiceWorkerEvents {
  install: Lasting;
  activate: Lasting;
  message: Lasting & { readonly data: unknown };
  fetch: { readonly request: Request; respondWith(answer: Promise<Response>): void };
}

const worker = globalThis as unknown as ServiceWorkerScope;
/** Pages of two folders of one host do not share a cache. */
const PREFIX = `mayexec ${worker.registration.scope} `;
const CACHE = PREFIX + VERSION;

/** Without these there is no page. The rest comes with their use, or when there is time. */
const FIRST = FILES.filter((name) =>
  /^(index\.html|style\.css|icon\.svg|lessons\.json)$/.test(name),
);

worker.addEventListener('install', (event) => {
  event.waitUntil(keep(FIRST).then(() => worker.skipWaiting()));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(removeOld().then(() => worker.clients.claim()));
});

worker.addEventListener('message', (event) => {
  if (event.data === 'keep all') event.waitUntil(keepMissing());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const name = nameOf(request);
  if (name !== undefined) event.respondWith(answer(name, request));
});

async function keep(names: readonly string[]): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(names.map((name) => new Request(name, { cache: 'no-cache' })));
}

async function removeOld(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** One after the other: a lesson that is being read comes first. */
async function keepMissing(): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const name of FILES) {
    if ((await cache.match(name)) === undefined) await cache.add(name);
  }
}

/** Undefined for what is not of this page. */
function nameOf({ method, url }: Request): string | undefined {
  const { scope } = worker.registration;
  const [path = ''] = url.split(/[?#]/);
  if (method !== 'GET' || !path.startsWith(scope)) return undefined;
  const name = path.slice(scope.length) || 'index.html';
  return FILES.includes(name) ? name : undefined;
}

async function answer(name: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const known = await cache.match(name);
  if (known !== undefined) return known;
  const response = await fetch(request);
  if (response.ok) await cache.put(name, response.clone());
  return response;
}
