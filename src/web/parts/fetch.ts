/** Static files beside the page's scripts. */
const asked = new Map<string, Promise<unknown>>();

/** Fetched once. @throws Error with a sentence for people. */
export function fetchJson<T>(name: string): Promise<T> {
  const known = asked.get(name);
  if (known !== undefined) return known as Promise<T>;
  const work = fetchNow<T>(name);
  asked.set(name, work);
  work.catch(() => asked.delete(name));
  return work;
}

async function fetchNow<T>(name: string): Promise<T> {
  const response = await fetch(new URL(name, import.meta.url)).catch(() => undefined);
  if (response === undefined) {
    throw new Error(`${name} is not here, and the network is not reachable.`);
  }
  if (!response.ok) throw new Error(`${name} could not be fetched (status ${response.status}).`);
  return (await response.json()) as T;
}
