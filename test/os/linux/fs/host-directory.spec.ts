/** Files of the host below the sandbox's own: what the guest does to them stays in the sandbox. */
import { describe, expect, it } from 'vitest';
import { type HostNode, type HostTree, Sandbox } from '../../../../src/index.js';

const AT_FDCWD = -100;
const O_RDWR = 2;
const O_CREAT = 0x40;
const DATA = 0x20_0000;

/** Directories are what other paths begin with. */
class Tree implements HostTree {
  readonly asked: string[] = [];
  readonly #files: Readonly<Record<string, string | { readonly link: string }>>;

  constructor(files: Readonly<Record<string, string | { readonly link: string }>>) {
    this.#files = files;
  }

  node(path: string): HostNode | undefined {
    const file = this.#files[path];
    if (file === undefined) {
      const leads = Object.keys(this.#files).some((other) => other.startsWith(`${path}/`));
      return leads ? { kind: 'directory', mode: 0o777 } : undefined;
    }
    if (typeof file !== 'string') return { kind: 'link', target: file.link };
    const read = (): Uint8Array => {
      this.asked.push(path);
      return new TextEncoder().encode(file);
    };
    return { kind: 'file', mode: 0o666, size: file.length, read };
  }

  list(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const below = Object.keys(this.#files).filter((each) => each.startsWith(prefix));
    return below.map((each) => each.slice(prefix.length).split('/')[0]!);
  }
}

async function open(files: ConstructorParameters<typeof Tree>[0]) {
  const tree = new Tree(files);
  const sandbox = await Sandbox.create({ host: tree });
  sandbox.syscall('mmap', DATA, 0x2000, 3, 0x32, -1, 0);
  const path = (text: string): number => {
    sandbox.poke(DATA, new TextEncoder().encode(`${text}\0`));
    return DATA;
  };
  const names = (folder: string): string[] => {
    const fd = sandbox.syscall('open', path(folder), 0).value;
    const { value } = sandbox.syscall('getdents64', fd, DATA + 0x1000, 0x1000);
    const bytes = sandbox.peek(DATA + 0x1000, Number(value));
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += bytes[at + 16]! | (bytes[at + 17]! << 8)) {
      const rest = bytes.subarray(at + 19);
      found.push(new TextDecoder().decode(rest.subarray(0, rest.indexOf(0))));
    }
    return found.filter((name) => !/^\.{1,2}$/.test(name));
  };
  return { sandbox, tree, path, names };
}

describe('files of the host', () => {
  it('are read when their content is, and not before', async () => {
    const { sandbox, tree, path } = await open({ '/usr/lib/a': 'alpha' });
    using _ = sandbox;
    const fd = sandbox.syscall('openat', AT_FDCWD, path('/usr/lib/a'), 0).value;
    expect(tree.asked).toEqual([]);
    expect(sandbox.syscall('read', fd, DATA, 100).value).toBe(5n);
    expect(new TextDecoder().decode(sandbox.peek(DATA, 5))).toBe('alpha');
    expect(tree.asked).toEqual(['/usr/lib/a']);
  });

  it('are root’s, whatever their mode; what the guest makes beside them is its own', async () => {
    const { sandbox, path, names } = await open({ '/usr/lib/a': 'alpha', '/usr/lib/b/c': 'x' });
    using _ = sandbox;
    const fd = sandbox.syscall('open', path('/usr/lib/a'), O_RDWR).value;
    path('beta!');
    expect(sandbox.syscall('write', fd, DATA, 5).value).toBe(5n);
    expect(new TextDecoder().decode(sandbox.readFile('/usr/lib/a'))).toBe('beta!');
    expect(sandbox.syscall('open', path('/usr/lib/own'), O_CREAT, 0o600).errno).toBeUndefined();
    expect(names('/usr/lib')).toEqual(['a', 'own', 'b']);
  });

  it('stay away when the guest has removed them, and come back with a snapshot', async () => {
    const { sandbox, path, names } = await open({ '/data/a': 'alpha', '/data/b': 'beta' });
    using _ = sandbox;
    const before = sandbox.snapshot();
    expect(sandbox.syscall('unlink', path('/data/a')).value).toBe(0n);
    expect(sandbox.syscall('open', path('/data/a'), 0).errno).toBe('ENOENT');
    expect(names('/data')).toEqual(['b']);
    sandbox.restore(before);
    expect(names('/data')).toEqual(['a', 'b']);
  });

  it('may be links in a circle', async () => {
    const { sandbox, path } = await open({ '/l/a': { link: 'b' }, '/l/b': { link: '/l/a' } });
    using _ = sandbox;
    expect(sandbox.syscall('open', path('/l/a'), 0).errno).toBe('ELOOP');
  });

  it('do not hide what the sandbox has itself', async () => {
    const { sandbox, names } = await open({ '/dev/evil': 'x', '/proc/evil': 'x', '/etc/a': 'x' });
    using _ = sandbox;
    expect(names('/')).toEqual(['home', 'tmp', 'dev', 'proc', 'etc']);
    expect(names('/dev')).not.toContain('evil');
  });

  it('end for a guest that has no memory left for their names', async () => {
    const tree: HostTree = {
      node: () => ({ kind: 'directory', mode: 0o755 }),
      list: () => Array.from({ length: 100_000 }, (_, index) => `d${index}`),
    };
    using sandbox = await Sandbox.create({ host: tree, limits: { memory: 1 << 20 } });
    sandbox.syscall('mmap', DATA, 0x2000, 3, 0x32, -1, 0);
    sandbox.poke(DATA, new TextEncoder().encode('/x\0'));
    sandbox.poke(DATA + 0x1000, Uint8Array.of(1));
    const fd = sandbox.syscall('open', DATA, 0).value;
    expect(sandbox.syscall('getdents64', fd, DATA + 0x1000, 0x1000).value).toBeGreaterThan(0n);
    sandbox.poke(DATA, new TextEncoder().encode('/x/d99999\0'));
    expect(sandbox.syscall('open', DATA, 0).errno).toBe('ENOENT');
  });

  it('are refused in a sentence when they are no functions', async () => {
    const host = { node: 5, list: () => [] } as unknown as HostTree;
    await expect(Sandbox.create({ host })).rejects.toThrow('host.node');
  });
});
