/** The table windows-results.txt, and what the probe really finds in the same form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arch } from '../../src/base/address.js';
import type { ProbeResults } from '../../src/probe/results.js';
import { ROOT } from '../scenario/files.js';

export interface WindowsResults {
  readonly arch: Arch;
  readonly policy: string;
  /** `NAME OUTCOME`, without those that are `ok`. */
  readonly lines: readonly string[];
}

export function windowsResults(): WindowsResults[] {
  const text = readFileSync(join(ROOT, 'test/probe/windows-results.txt'), 'utf8');
  return text
    .split(/^# /m)
    .slice(1)
    .map((part) => {
      const [head = '', ...lines] = part.trimEnd().split('\n');
      const [arch, policy = ''] = head.split(' ');
      return { arch: arch as Arch, policy, lines };
    });
}

export function notPlain({ outcomes }: ProbeResults): string[] {
  return [...outcomes].flatMap(([name, outcome]) =>
    outcome === 'ok' ? [] : [`${name} ${outcome}`],
  );
}
