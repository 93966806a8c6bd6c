/**
 * The engine port against the bare Unicorn module, in one process: the same loops, both forms.
 *
 * By hand, after a build:
 *   npx esbuild test/bench/engine.ts --bundle --platform=node --format=esm --packages=external \
 *     --outfile=.cache/bundled/engine-bench.mjs && node .cache/bundled/engine-bench.mjs
 */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Engine } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/open.js';
import { loadJsModule } from '../../src/engine/unicorn1/js-module.js';
import type { UnicornModule } from '../../src/engine/unicorn1/module.js';
import { loadWasmModule } from '../../src/engine/unicorn1/wasm-module.js';
import { buildUnicorn } from '../../src/unicorn-wasm/build.js';
import { assemble } from '../engine/assembler.js';

const CODE = 0x10000;
const DATA = 0x20000;
const STACK = 0x30000;
const ROUNDS = 5;

interface Loop {
  readonly name: string;
  readonly setup: string;
  readonly body: string;
  readonly instructions: number;
  readonly iterations: number;
}

const LOOPS: readonly Loop[] = [
  {
    name: 'registers only, short blocks',
    setup: '',
    body: 'add eax, ecx',
    instructions: 3,
    iterations: 2e6,
  },
  {
    name: 'registers only, long blocks',
    setup: '',
    body: Array(20).fill('add eax, ecx; xor edx, eax').join(';'),
    instructions: 42,
    iterations: 2e5,
  },
  {
    name: 'a load and a store',
    setup: `mov edi, ${DATA}`,
    body: 'mov eax, [rdi]; add eax, ecx; mov [rdi + 8], eax',
    instructions: 5,
    iterations: 1e6,
  },
  {
    name: 'calls',
    setup: `mov esp, ${STACK + 2048}; jmp s; f: inc eax; ret; s:`,
    body: 'call f',
    instructions: 5,
    iterations: 5e5,
  },
  {
    name: 'SSE',
    setup: `mov edi, ${DATA}`,
    body: 'movups xmm0, [rdi]; paddd xmm0, xmm0; mulps xmm1, xmm0; movups [rdi + 16], xmm0',
    instructions: 6,
    iterations: 3e5,
  },
];

function codeOf(loop: Loop): Uint8Array {
  const setup = loop.setup === '' ? '' : `${loop.setup};`;
  return assemble(
    'x86-64',
    `${setup} mov ecx, ${loop.iterations}; l: ${loop.body}; dec ecx; jnz l; hlt`,
    CODE,
  );
}

/** Milliseconds of one run through the port. */
function throughPort(engine: Engine, frame: number, code: Uint8Array): number {
  engine.memory.bytes(frame).set(code);
  engine.writeRegister('rip', BigInt(CODE));
  const start = performance.now();
  engine.run({ blocks: 1e12 });
  return performance.now() - start;
}

interface Bare {
  run(code: Uint8Array): number;
}

function bare(module: UnicornModule): Bare {
  const { uc } = module;
  const scratch = module.malloc(4096);
  const check = (code: number) => {
    if (code !== 0) throw new Error(`the bare module gave code ${code}`);
  };
  check(uc.uc_open(4, 8, scratch));
  const handle = new DataView(module.heap.buffer).getUint32(scratch, true);
  check(uc.uc_mem_map(handle, CODE, 0, 0x40000, 7));
  return {
    run(code) {
      module.heap.set(code, scratch);
      check(uc.uc_mem_write(handle, CODE, 0, scratch, code.length));
      const start = performance.now();
      // Up to the hlt.
      check(uc.uc_emu_start(handle, CODE, 0, CODE + code.length - 1, 0, 0, 0, 0));
      return performance.now() - start;
    },
  };
}

/** The package's engine as it is, without the patches of the port: built once, in a cache of its own. */
const unpatched = buildUnicorn({
  input: 'node_modules/@specy/x86/dist/x86/deps/unicorn-x86.min.js',
  outDir: '.cache/bare-engine',
  cacheDir: '.cache/unicorn-wasm',
  optimise: 'fast',
  log: console.error,
});

async function bareModule(form: 'wasm' | 'js'): Promise<UnicornModule> {
  const { wasm, jsForm } = await unpatched;
  if (form === 'wasm') return loadWasmModule(await readFile(wasm));
  return loadJsModule((await import(pathToFileURL(jsForm).href)).default);
}

async function compare(form: 'wasm' | 'js'): Promise<void> {
  const kind = form === 'wasm' ? 'unicorn1' : 'unicorn1-js';
  const { engine } = await openEngine(kind, { arch: 'x86-64', memory: 1 << 20 });
  const pages = new Map<number, number>();
  for (const address of [CODE, DATA, STACK])
    pages.set(address >> 12, (engine.memory.allocate() ?? 0) * 8 + 7);
  engine.setTranslate((page) => pages.get(page) ?? -1);
  const codeFrame = (pages.get(CODE >> 12) ?? 0) >> 3;
  const raw = bare(await bareModule(form));
  console.log(`\n${form.padEnd(30)} port, M/s  bare, M/s  port/bare`);
  for (const loop of LOOPS) {
    const code = codeOf(loop);
    const best = { port: Number.POSITIVE_INFINITY, bare: Number.POSITIVE_INFINITY };
    for (let round = 0; round < ROUNDS; round++) {
      best.port = Math.min(best.port, throughPort(engine, codeFrame, code));
      best.bare = Math.min(best.bare, raw.run(code));
    }
    const rate = (ms: number) => (loop.instructions * loop.iterations) / ms / 1000;
    const row = [rate(best.port), rate(best.bare), best.bare / best.port];
    console.log(
      loop.name.padEnd(30),
      row.map((value, i) => value.toFixed(i === 2 ? 2 : 1).padStart(9)).join(' '),
    );
  }
  shortRuns(engine, codeFrame);
  engine.close();
  await openAndClose(kind);
}

function shortRuns(engine: Engine, frame: number): void {
  const times = 2000;
  for (const text of ['int 0x80', 'syscall']) {
    engine.memory.bytes(frame).set(assemble('x86-64', `mov eax, 1; ${text}`, CODE));
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      engine.writeRegister('rip', BigInt(CODE));
      engine.run({ blocks: 10 });
    }
    const each = ((performance.now() - start) / times) * 1000;
    console.log(`one run up to ${text}: ${each.toFixed(1)} us`);
  }
  const start = performance.now();
  for (let i = 0; i < times; i++) engine.loadCpu(engine.saveCpu());
  console.log(
    `save and load a CPU: ${(((performance.now() - start) / times) * 1000).toFixed(1)} us`,
  );
}

async function openAndClose(kind: 'unicorn1' | 'unicorn1-js'): Promise<void> {
  const times = 200;
  const start = performance.now();
  for (let i = 0; i < times; i++)
    (await openEngine(kind, { arch: 'x86-64', memory: 1 << 20 })).engine.close();
  console.log(`open and close: ${(((performance.now() - start) / times) * 1000).toFixed(1)} us`);
}

for (const form of ['wasm', 'js'] as const) await compare(form);
