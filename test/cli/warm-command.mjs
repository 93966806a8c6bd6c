/**
 * Runs the command again and again in one process, which loads the library and compiles the engine once.
 * Requests come on descriptor 3, answers go to descriptor 4, a line of JSON each; standard input is empty.
 */
import { readSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [REQUESTS, ANSWERS] = [3, 4];
const [command] = process.argv.slice(2);
const url = pathToFileURL(command).href;

let rest = '';
function nextLine() {
  const chunk = Buffer.alloc(65536);
  for (;;) {
    const end = rest.indexOf('\n');
    if (end >= 0) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      return line;
    }
    const length = readSync(REQUESTS, chunk);
    if (length === 0) return undefined;
    rest += chunk.toString('utf8', 0, length);
  }
}

/** What goes to a stream while `act` runs. */
async function captured(stream, chunks, act) {
  const { write } = stream;
  stream.write = (chunk, encoding, done) => {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk));
    const callback = typeof encoding === 'function' ? encoding : done;
    if (callback) queueMicrotask(callback);
    return true;
  };
  try {
    return await act();
  } finally {
    stream.write = write;
    stream.removeAllListeners('error');
  }
}

let runs = 0;
async function answer({ cwd, args }) {
  process.chdir(cwd);
  process.argv = [process.execPath, command, ...args];
  process.exitCode = undefined;
  const [stdout, stderr] = [[], []];
  await captured(process.stdout, stdout, () =>
    captured(process.stderr, stderr, async () => {
      try {
        // Another name each time: the command's own module runs anew, and the library that it imports is kept.
        await import(`${url}?run=${runs++}`);
      } catch (error) {
        process.stderr.write(`${error.stack}\n`);
        process.exitCode = 1;
      }
    }),
  );
  const text = (chunks) => Buffer.concat(chunks).toString('utf8');
  return { status: process.exitCode ?? 0, stdout: text(stdout), stderr: text(stderr) };
}

for (let line = nextLine(); line !== undefined; line = nextLine()) {
  const bytes = Buffer.from(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(ANSWERS, bytes, at);
}
process.exit(0);
