/** A static host as plain as they come: files of one folder, at any path, on the loopback interface. */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/** A page under this Content-Security-Policy runs its own scripts and compiles no WebAssembly. */
const NO_WASM = "default-src 'self'; script-src 'self'";

export interface StaticHost {
  /** `http://127.0.0.1:PORT/` */
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves `folder`; pages named `no-wasm.html` come with a policy that forbids WebAssembly. */
export async function serve(folder: string): Promise<StaticHost> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const name = normalize(decodeURIComponent(pathname)).replace(/\/$/, '/index.html');
    answer(join(folder, name), response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(file: string, response: ServerResponse): Promise<void> {
  const bytes = await readFile(file);
  response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
  if (file.endsWith('no-wasm.html')) response.setHeader('Content-Security-Policy', NO_WASM);
  response.end(bytes);
}
