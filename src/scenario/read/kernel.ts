/** The kernel that runs beside the programs of a scenario, and what an assembler finds wrong as problems of the scenario. */
import { MayexecError } from '../../base/errors.js';
import { visible } from '../../base/text.js';
import { linkAddress } from '../../sandbox/worlds.js';
import { assembleProgram } from '../../toolchain/assemble-program.js';
import { AssemblyError } from '../../toolchain/assembly-error.js';
import type { Scenario } from './scenario.js';
import type { Problems } from './scenario-error.js';

/** Assembled, or as it was given. */
export async function kernelOf(
  { settings: { kernel: file }, file: scenario }: Scenario,
  {
    include,
    kernel,
  }: {
    readonly include?: ((path: string) => string | undefined) | undefined;
    readonly kernel?: Uint8Array | undefined;
  },
  problems: Problems,
): Promise<Uint8Array | undefined> {
  if (file === undefined || kernel !== undefined) return kernel;
  const source = include?.(file);
  if (source === undefined) {
    const message = `there is no kernel '${visible(file)}' beside ${scenario} nor where .include finds files`;
    problems.add(1, 1, message);
    return undefined;
  }
  const found: Uint8Array[] = [];
  await reporting(problems, 1, async () => {
    const address = linkAddress('kernel')!;
    const more = include === undefined ? {} : { include };
    const target = { arch: 'x86-64', file, address, ...more } as const;
    found.push((await assembleProgram(source, target)).elf);
  });
  return found[0];
}

/** What the assembler says is a problem of the scenario. */
export async function reporting(
  problems: Problems,
  line: number,
  assembly: () => Promise<void>,
): Promise<void> {
  try {
    await assembly();
  } catch (error) {
    if (error instanceof AssemblyError) problems.list.push(...error.problems);
    else if (error instanceof MayexecError) problems.add(line, 1, error.message);
    else throw error;
  }
}
