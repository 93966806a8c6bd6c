/** Injections in scenarios: how they are written, what the run comes to, and mistakes. */
import { describe, expect, it } from 'vitest';
import { differences, lesson, mistakes, run } from './files.js';

/** Asks for a page; without it exits all the same. */
const CODE = `_start:
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall                 ;@ plain: mmap = ok
                            ;@ full: mmap = ENOMEM
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
    ;@ exited 0`;
const front = (inject: string): string =>
  `policies:\n  plain: nx\n  full: nx\ninject:\n  full: ${inject}`;
const TABLE = `| policy | outcome | why |
|---|---|---|
| plain | works | |
| full | falls back | |`;

describe('an injection of a run', () => {
  it('fails the call in that run only, which then falls back', async () => {
    const text = lesson(CODE, { front: front('mmap:error=ENOMEM:when=1'), table: TABLE });
    expect(await differences(text)).toEqual([]);
    const { runs } = await run(text);
    expect(runs.map(({ outcome }) => outcome)).toEqual(['works', 'falls back']);
    expect(runs[1]?.refused).toBe('mmap refused with ENOMEM');
  });

  it('that met no call fails the run', async () => {
    const text = lesson(CODE.replace(/.*full: mmap.*\n/, '').replace('plain: mmap', 'mmap'), {
      front: front('mmap:error=ENOMEM:when=7'),
      table: TABLE.replace('falls back', 'works'),
    });
    expect(await differences(text)).toEqual([
      "full 5: nothing was injected into 'full': one such call, which was not due",
    ]);
  });

  it('stands in a plain source as well', async () => {
    const source = `;@ policy plain: nx\n;@ policy full: nx\n;@ inject full: mmap:error=ENOMEM\n${CODE}\n`;
    expect(await differences(source, { file: 'x.s' })).toEqual([]);
  });
});

describe('a mistake in it', () => {
  it.each([
    [front('mmap:error=ENOMM'), /^7:9: .*did you mean 'ENOMEM'/],
    [front('map-count=9').replace('inject:\n  full', 'inject:\n  ful'), /^7:3: unknown run 'ful'/],
    [`${front('map-count=9')}\n  full: map-count=8`, /^8:3: 'full' is given twice/],
    [
      'policies:\n  plain: nx\n  full: nx\ninject: map-count=9',
      /^6:1: 'inject' needs indented lines/,
    ],
  ])('has its place: %s', async (given, message) => {
    const found = await mistakes(lesson(CODE, { front: given, table: TABLE }));
    expect(found).toEqual([expect.stringMatching(message)]);
  });
});
