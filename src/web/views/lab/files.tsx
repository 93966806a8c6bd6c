/** Ways in and out of the laboratory: examples, files, links, tests. */
import { useState } from 'preact/hooks';
import { encodeCase } from '../../../link/codec.js';
import type { WorkshopCase } from '../../../link/workshop-case.js';
import { testOf } from '../../lab/case.js';
import { messageOf, useLoaded } from '../../parts/async.js';
import { fetchJson } from '../../parts/fetch.js';

export interface FilesProps {
  readonly given: WorkshopCase;
  /** How its run ended, where it has. */
  readonly ending: string | undefined;
  readonly place: number | undefined;
  /** What came of it, as directives of a lesson. */
  readonly checks: readonly string[];
  readonly onOpen: (given: WorkshopCase) => void;
}

/** Files beyond this are no programs for a page. */
const LARGEST = 16 << 20;

export function Files({ given, ending, place, checks, onOpen }: FilesProps) {
  const test = checks.length === 0 ? undefined : testOf(given, checks);
  const [said, setSaid] = useState('');
  const copy = (what: string, text: string): void => {
    navigator.clipboard.writeText(text).then(
      () => setSaid(`${what} is in the clipboard.`),
      () => setSaid(`This browser does not let the page copy. ${what}: ${text}`),
    );
  };
  const link = (): string => {
    const fragment = encodeCase({
      ...given,
      ...(place === undefined || place === 0 ? {} : { place }),
      ...(ending === undefined ? {} : { expected: ending }),
    });
    return `${location.href.replace(/#.*/, '')}#${fragment}`;
  };
  return (
    <div class="files">
      <Examples given={given} onOpen={onOpen} />
      <label class="button">
        Open a file
        <input
          class="hidden"
          type="file"
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            currentTarget.value = '';
            if (file === undefined) return;
            openFile(given, file).then(onOpen, (error) => setSaid(messageOf(error)));
          }}
        />
      </label>
      <button type="button" onClick={() => download(given)}>
        Save
      </button>
      <button type="button" onClick={() => copy('The link', link())}>
        Copy a link
      </button>
      <button type="button" onClick={() => copy('The element', embedOf(link(), given))}>
        Copy for a page
      </button>
      <button
        type="button"
        disabled={test === undefined}
        onClick={() => copy('The test, a file for mayexec test,', test ?? '')}
      >
        Copy as a test
      </button>
      <p role="status" class="status">
        {said}
      </p>
    </div>
  );
}

/** An element for a blog or slides: program, outcome and map of this run. */
function embedOf(link: string, { name, policy }: WorkshopCase): string {
  const title = `${name} under ${policy}`.replace(/[&"<]/g, (char) => `&#${char.charCodeAt(0)};`);
  const url = link.replace('#', '?embed#');
  return `<iframe src="${url}" title="${title}" width="100%" height="640" loading="lazy"></iframe>`;
}

function Examples({ given, onOpen }: Pick<FilesProps, 'given' | 'onOpen'>) {
  const asm = useLoaded('asm.json', () => fetchJson<Record<string, string>>('asm.json'));
  if (asm.state !== 'here') return null;
  const names = Object.keys(asm.value).filter(
    (name) => /^(x86-64|i386)\//.test(name) && asm.value[name]?.includes('_start:'),
  );
  return (
    <label>
      <span class="hidden">Examples</span>
      <select
        value=""
        onChange={({ currentTarget }) => {
          const name = currentTarget.value;
          const source = asm.value[name];
          currentTarget.value = '';
          if (source === undefined) return;
          const arch = name.startsWith('i386/') ? 'i386' : 'x86-64';
          onOpen({
            name: name.split('/').at(-1) ?? name,
            source,
            os: 'linux',
            arch,
            policy: given.os === 'linux' ? given.policy : 'nx',
          });
        }}
      >
        <option value="">Examples …</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

async function openFile(given: WorkshopCase, file: File): Promise<WorkshopCase> {
  if (file.size > LARGEST) throw new Error(`${file.name} has more than 16 MiB.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { name } = file;
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45;
  const isPe = bytes[0] === 0x4d && bytes[1] === 0x5a;
  if (!isElf && !isPe) {
    return { ...given, binary: undefined, name, source: new TextDecoder().decode(bytes) };
  }
  const is32 = isElf && bytes[4] === 1;
  const os = isElf ? 'linux' : given.os === 'linux' ? 'windows' : given.os;
  return { ...given, name, source: '', binary: bytes, os, arch: is32 ? 'i386' : given.arch };
}

function download({ name, source, binary }: WorkshopCase): void {
  const part = binary === undefined ? source : new Uint8Array(binary);
  const url = URL.createObjectURL(new Blob([part]));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
