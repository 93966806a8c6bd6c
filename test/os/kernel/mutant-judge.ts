/** What has to notice a mutant: the lessons of scenarios/post-init, and page walks beside the model of the manual. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Random } from '../../../src/base/random.js';
import {
  allows,
  pageFaultCode,
  type TableMemory,
  walk,
} from '../../../src/os/kernel/paging/walk.js';
import { runScenario } from '../../../src/scenario/judge/run.js';
import { differenceText } from '../../../src/scenario/report/report-text.js';
import { type ModelMemory, modelAccess } from './paging-model.js';

const WALKS = 20_000;
const FOLDER = 'scenarios/post-init';

export interface ChangedSource {
  readonly file: string;
  readonly text: string;
}

/** Who noticed, or undefined. */
export async function firstFailure(
  changed: ChangedSource | undefined,
): Promise<string | undefined> {
  const walks = changed === undefined ? walkFailure() : undefined;
  return walks ?? (await lessonFailure(changed));
}

async function lessonFailure(changed: ChangedSource | undefined): Promise<string | undefined> {
  const include = (name: string): string | undefined => {
    const file = [name, join('asm', name)].find((each) => existsSync(each));
    if (file === undefined) return undefined;
    return file === changed?.file ? changed.text : readFileSync(file, 'utf8');
  };
  for (const name of readdirSync(FOLDER).sort()) {
    if (!name.endsWith('.md') || name === 'README.md') continue;
    const file = join(FOLDER, name);
    const text = readFileSync(file, 'utf8');
    if (changed !== undefined && !text.includes(basename(changed.file))) continue;
    const { problems, runs } = await runScenario(text, { file, include });
    const [problem] = problems;
    const [difference] = runs.flatMap(({ differences }) => differences);
    const error = runs.find((run) => run.error !== undefined)?.error;
    const said = problem?.message ?? (difference && differenceText(difference)) ?? error;
    if (said !== undefined) return `${name}: ${said.split('\n')[0]}`;
  }
  return undefined;
}

class Tables implements TableMemory, ModelMemory {
  readonly #words = new Map<number, number>();

  word(address: number): number {
    return this.#words.get(address) ?? 0;
  }

  setWord(address: number, value: number): void {
    this.#words.set(address, value);
  }

  read(address: bigint): bigint {
    const at = Number(address);
    return (BigInt(this.word(at + 4)) << 32n) | BigInt(this.word(at));
  }

  /** The model's accessed and dirty bits are judged by paging.spec.ts. */
  write(): void {}
}

/** Random tables, modes and accesses: the decision and the error code of the walk against those of the model. */
function walkFailure(): string | undefined {
  const random = new Random(11);
  const chance = (percent: number): boolean => random.below(100) < percent;
  for (let n = 0; n < WALKS; n++) {
    const tables = new Tables();
    const indices = [3, 2, 1, 0].map(() => random.below(512));
    indices.forEach((index, depth) => {
      const at = depth * 4096 + 8 * index;
      const large = depth > 0 && depth < 3 && chance(15);
      const next = large ? (random.below(64) << 21) >>> 0 : (depth + 1) * 4096;
      const flag = (percent: number, value: number): number => (chance(percent) ? value : 0);
      const low =
        next |
        flag(95, 1) |
        flag(75, 2) |
        flag(60, 4) |
        (large ? 0x80 : 0) |
        flag(1, 0x80) |
        flag(1, 0x4000);
      tables.setWord(at, low >>> 0);
      tables.setWord(at + 4, (flag(10, 0x8000_0000) | flag(2, 0x100)) >>> 0);
    });
    const page = indices.reduce((sum, index) => sum * 512 + index, 0);
    const mode = {
      cr3: 0,
      writeProtect: chance(60),
      globalPages: chance(50),
      smep: chance(60),
      smap: chance(60),
      noExecute: chance(80),
    };
    const kind = (['read', 'write', 'exec'] as const)[random.below(3)]!;
    const rights = { user: chance(40), alignmentCheck: chance(30) };
    const found = walk(tables, mode, page);
    const ours =
      found.leaf !== undefined && allows(found.leaf, kind, rights, mode)
        ? { frame: found.leaf.frame + (page % found.leaf.span) }
        : { errorCode: pageFaultCode(found, kind, rights, mode) };
    const model = modelAccess(
      tables,
      {
        ...{ wp: mode.writeProtect, pge: mode.globalPages, smep: mode.smep, smap: mode.smap },
        ...{ nxe: mode.noExecute, cr3: 0n },
      },
      BigInt(page) << 12n,
      { kind, user: rights.user, ac: rights.alignmentCheck },
    );
    const theirs =
      'physical' in model
        ? { frame: Number(model.physical >> 12n) }
        : { errorCode: model.errorCode };
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      return `walk ${n}: ${JSON.stringify(ours)}, the model ${JSON.stringify(theirs)}`;
    }
  }
  return undefined;
}
