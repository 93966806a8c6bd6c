/** One version of the library in a process of its own: prepares workloads and runs each when it is told to. */
import { type LibraryModule, WORKLOADS, type Work } from './workloads.js';

/** `index` of WORKLOADS. The answer is processor time in milliseconds, or what went wrong. */
export type Answer = { readonly ms: number } | { readonly error: string };

const library = (await import(process.argv[2]!)) as LibraryModule;
const prepared = new Map<number, Promise<Work>>();

async function measure(index: number): Promise<Answer> {
  try {
    if (!prepared.has(index)) prepared.set(index, WORKLOADS[index]!.prepare(library));
    const work = await prepared.get(index)!;
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return { ms: (user + system) / 1000 };
  } catch (error) {
    return { error: String(error) };
  }
}

process.on('message', (index: number) => {
  measure(index).then((answer) => process.send!(answer));
});
process.send!({ ms: 0 });
