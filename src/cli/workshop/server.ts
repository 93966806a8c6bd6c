/** The page as `mayexec open` and `mayexec workshop` serve it: files of dist/web/ to this computer, and to nobody else. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { UsageError } from '../arguments.js';
import { filesBelow } from './folder.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/** Beside what index.html says itself: no page of another origin may frame this one. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const HOST = '127.0.0.1';
/** Beside the bundle. */
const WEB = new URL('./web/', import.meta.url);

export interface ServedWorkshop {
  /** `http://127.0.0.1:PORT/` */
  readonly origin: string;
  close(): Promise<void>;
}

export interface WorkshopServerOptions {
  /** Undefined: one that is free. */
  readonly port: number | undefined;
  /** Answers made anew at each request, by name. */
  readonly made: Readonly<Record<string, () => string>>;
}

/** @throws UsageError where the page is not built, or the port is in use. */
export async function serveWorkshop({
  port,
  made,
}: WorkshopServerOptions): Promise<ServedWorkshop> {
  const names = new Set(filesBelow(WEB));
  if (!names.has('index.html')) throw new UsageError('the page is not there: run npm run build');
  const server = createServer((request, response) => {
    respond(request, response, addressOf(server), (name) => {
      const answer = made[name];
      if (answer !== undefined) return answer();
      return names.has(name) ? readFileSync(new URL(name, WEB)) : undefined;
    });
  });
  await listen(server, port);
  return {
    origin: `http://${addressOf(server)}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function addressOf(server: Server): string {
  return `${HOST}:${(server.address() as AddressInfo | null)?.port ?? 0}`;
}

function listen(server: Server, port = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const reason =
        code === 'EADDRINUSE'
          ? 'another program has it: choose another, or leave --port out'
          : message;
      reject(new UsageError(`port ${port}: ${reason}`));
    });
    server.listen(port, HOST, resolve);
  });
}

type Find = (name: string) => string | Uint8Array | undefined;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly content: string | Uint8Array;
}

function respond(request: IncomingMessage, response: ServerResponse, own: string, find: Find) {
  const { status, type, content } = answerTo(request, own, find);
  response.writeHead(status, { ...HEADERS, 'Content-Type': type });
  response.end(request.method === 'HEAD' ? undefined : content);
}

function answerTo(
  { method, url = '/', headers }: IncomingMessage,
  own: string,
  find: Find,
): Answer {
  // A name of somebody else's that leads here is somebody else's page.
  if (headers.host !== own) return refusal(421, 'This is not the page of that host.');
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'There is only reading here.');
  const name = url.replace(/[?#].*$/s, '').replace(/^\//, '') || 'index.html';
  try {
    const content = find(name);
    if (content === undefined) return refusal(404, 'There is no such file.');
    return { status: 200, type: TYPES[extname(name)] ?? 'application/octet-stream', content };
  } catch (error) {
    return refusal(500, error instanceof Error ? error.message : String(error));
  }
}

function refusal(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', content: `${text}\n` };
}
