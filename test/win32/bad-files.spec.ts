/** Files for Windows whose tables lie: what the host is told, and forwarders of DLLs, in circles too. */
import { describe, expect, it } from 'vitest';
import { type HostFile, Sandbox } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw('c');
const SOURCE = '#include <stdio.h>\nint main(void) { puts("runs"); return 5; }';

/** Offsets in the file of a 64-bit program. */
class Layout {
  readonly view: DataView;
  readonly optional: number;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset);
    this.optional = this.view.getUint32(60, true) + 24;
  }

  directory(index: number): number {
    return this.optional + 112 + index * 8;
  }

  /** Of what the directory points to. */
  table(index: number): number {
    return this.offset(this.view.getUint32(this.directory(index), true));
  }

  offset(rva: number): number {
    const { view, optional } = this;
    const first = optional + view.getUint16(optional - 4, true);
    for (let at = first; ; at += 40) {
      const start = view.getUint32(at + 12, true);
      const size = view.getUint32(at + 16, true);
      if (rva >= start && rva < start + size) return rva - start + view.getUint32(at + 20, true);
    }
  }
}

const NOWHERE = 0x7ff0_0000;
const TLS = 9;

/** A field that is changed, by its place, and the end of the sentence. */
const LIES: readonly (readonly [string, (l: Layout) => number, bigint, 4 | 8, string])[] = [
  ['imports', (l) => l.directory(1), 0x7ff0_0000n, 4, 'it has no end in the image'],
  ['names of imports', (l) => l.table(1), 0x7ff0_0000n, 4, 'a list of functions leaves the image'],
  ['the name of a DLL', (l) => l.table(1) + 12, 0x7ff0_0000n, 4, 'the name of a DLL lies nowhere'],
  ['addresses of imports', (l) => l.table(1) + 16, 0x7ff0_0000n, 4, 'leaves the image'],
  ['TLS', (l) => l.directory(TLS), 0x7ff0_0000n, 4, 'it lies outside the image'],
  ['TLS without size', (l) => l.table(TLS) + 8, 0x10n, 8, 'its data has no size'],
  ['the index of TLS', (l) => l.table(TLS) + 16, 0x10n, 8, 'its index lies outside the image'],
  [
    'callbacks of TLS',
    (l) => l.table(TLS) + 24,
    0x70_0000_0000n,
    8,
    'callbacks lies outside the image',
  ],
  [
    'a callback of TLS',
    (l) => l.offset(Number(l.view.getBigUint64(l.table(TLS) + 24, true) - 0x1_4000_0000n)),
    0x70_0000_0000n,
    8,
    'lies outside the image',
  ],
  ['relocations', (l) => l.directory(5), 0x7ff0_0000n, 4, 'it leaves the image'],
  ['relocations for ever', (l) => l.table(5) + 4, 0n, 4, 'a block of 0 bytes'],
  ['a large block', (l) => l.table(5) + 4, 0xffff_fff0n, 4, 'a block of 4294967280 bytes'],
  ['the size', (l) => l.optional + 56, 0xffff_f000n, 4, 'its image size 0xfffff000 is impossible'],
];

function changed(at: (layout: Layout) => number, value: bigint, size: 4 | 8): Uint8Array {
  const bytes = buildProgram('x86-64', SOURCE).slice();
  const layout = new Layout(bytes);
  if (size === 8) layout.view.setBigUint64(at(layout), value, true);
  else layout.view.setUint32(at(layout), Number(value), true);
  return bytes;
}

async function run(bytes: Uint8Array, files: Readonly<Record<string, HostFile>> = {}) {
  using sandbox = await Sandbox.create({ program: { bytes, path: '/program.exe' }, files });
  const outcome = sandbox.run();
  return { outcome, text: new TextDecoder().decode(sandbox.stdout).trim(), log: sandbox.kernelLog };
}

describe('a program of Windows that lies about', () => {
  it.for(LIES)('%s is refused in a sentence', async ([, at, value, size, sentence], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    await expect(run(changed(at, value, size))).rejects.toThrow(sentence);
  });

  it('its exception table runs as long as nobody needs it', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = changed((l) => l.directory(3), BigInt(NOWHERE), 4);
    expect(await run(bytes)).toMatchObject({ outcome: { kind: 'exit', code: 5 }, text: 'runs' });
  });
});

const CALLER = `
#include <windows.h>
#include <stdio.h>
int main(void) {
  HMODULE m = LoadLibraryA("first.dll"); int (*f)(void) = (void *)GetProcAddress(m, "f");
  DWORD error = GetLastError();
  printf("%d %lu %d\\n", f != 0, f ? 0 : error, f ? f() : -1);
  return 0;
}`;

/** A DLL that forwards f to `target`, or has it. */
function dll(target: string | undefined): Uint8Array {
  const source =
    target === undefined
      ? '#include <windows.h>\nstatic int told; BOOL WINAPI DllMain(HINSTANCE i, DWORD why, void *p) { told = why; return TRUE; }\n__declspec(dllexport) int f(void) { return 40 + told; }'
      : `__asm__(".section .drectve\\n .ascii \\" -export:f=${target}.f\\"\\n"); int other(void) { return 0; }`;
  return buildProgram('x86-64', source, { options: ['-O1', '-shared'] });
}

describe('a forwarder', () => {
  it('loads the DLL that it names, which is told', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const files = { '/first.dll': dll('second'), '/second.dll': dll(undefined) };
    expect((await run(buildProgram('x86-64', CALLER), files)).text).toBe('1 0 41');
  });

  it('to a DLL that nobody has is no function', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { text } = await run(buildProgram('x86-64', CALLER), { '/first.dll': dll('second') });
    expect(text).toBe('0 127 -1');
  });

  it('in a circle is no function, and the log says why', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const files = { '/first.dll': dll('second'), '/second.dll': dll('first') };
    const { text, log } = await run(buildProgram('x86-64', CALLER), files);
    expect(text).toBe('0 127 -1');
    expect(log.join('\n')).toContain('first.dll exports f by forwarders that lead in a circle');
  });
});
