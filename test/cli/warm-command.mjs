/**
 * Runs the command again and again in one process, which loads the library and compiles the engine once.
 * Requests come on descriptor 3, answers go to descriptor 4, a line of JSON each; standard input is empty.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';

const [REQUESTS, ANSWERS] = [3, 4];
const [command] = process.argv.slice(2);
const { readSync, writeSync } = fs;
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

/** What the command writes to standard output and error, by descriptor or by stream, while `act` runs. */
async function captured(act) {
  const chunks = { 1: [], 2: [] };
  const take = (fd, bytes) => {
    chunks[fd].push(Buffer.from(bytes));
    return bytes.length;
  };
  const streams = [process.stdout, process.stderr];
  const writes = streams.map(({ write }) => write);
  fs.writeSync = (fd, bytes, ...rest) =>
    fd in chunks ? take(fd, bytes) : writeSync(fd, bytes, ...rest);
  syncBuiltinESMExports();
  for (const [index, stream] of streams.entries()) {
    stream.write = (chunk, encoding, done) => {
      take(index + 1, chunk);
      const callback = typeof encoding === 'function' ? encoding : done;
      if (callback) queueMicrotask(callback);
      return true;
    };
  }
  try {
    await act();
  } finally {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
    for (const [index, stream] of streams.entries()) {
      stream.write = writes[index];
      stream.removeAllListeners('error');
    }
  }
  const [stdout, stderr] = [1, 2].map((fd) => Buffer.concat(chunks[fd]).toString('utf8'));
  return { stdout, stderr };
}

let runs = 0;
async function answer({ cwd, args }) {
  process.chdir(cwd);
  process.argv = [process.execPath, command, ...args];
  process.exitCode = undefined;
  const output = await captured(async () => {
    try {
      // Another name each time: the command's own module runs anew, and the library that it imports is kept.
      await import(`${url}?run=${runs++}`);
    } catch (error) {
      process.stderr.write(`${error.stack}\n`);
      process.exitCode = 1;
    }
  });
  return { status: process.exitCode ?? 0, ...output };
}

for (let line = nextLine(); line !== undefined; line = nextLine()) {
  const bytes = Buffer.from(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(ANSWERS, bytes, at);
}
process.exit(0);
