/** A case of the laboratory as what a sandbox is made of. */
import type { WorkshopCase } from '../../../link/workshop-case.js';
import { listPolicies, type SandboxOptions } from '../../../parts/sandbox.js';
import { type AssembledProgram, assemblePe, assembleProgram } from '../../../parts/toolchain.js';
import type { PolicyOffer } from '../../lab/view.js';
import { asmInclude } from '../files.js';

/** What a page can give to one run without becoming slow itself. */
export const LAB_MEMORY = 256 << 20;

export interface LabProgram {
  readonly options: SandboxOptions;
  readonly lines: AssembledProgram['lines'];
  readonly file: string;
}

/** @throws AssemblyError, MayexecError for what is wrong with the case. */
export async function labProgram(given: WorkshopCase): Promise<LabProgram> {
  const { os, arch, name, source, binary } = given;
  const include = /^\s*\.include\b/m.test(source) ? await asmInclude() : undefined;
  const assembled =
    binary === undefined
      ? await (os === 'linux' ? assembleProgram : assemblePe)(source, {
          arch,
          file: name,
          ...(include === undefined ? {} : { include }),
        })
      : undefined;
  const bytes = binary ?? assembled!.elf;
  const path = os === 'linux' ? '/program' : '/program.exe';
  return {
    file: name,
    lines: assembled?.lines ?? [],
    options: {
      arch,
      os,
      policy: given.policy,
      monitor: true,
      program: {
        bytes,
        path,
        argv: [path, ...(given.arguments ?? [])],
        ...(given.xattrs === undefined ? {} : { xattrs: given.xattrs }),
      },
      limits: { memory: LAB_MEMORY },
      ...(given.inject === undefined ? {} : { inject: given.inject }),
      ...(given.seed === undefined ? {} : { seed: given.seed }),
      ...(given.schedule === undefined ? {} : { schedule: given.schedule }),
      ...(given.stdin === undefined ? {} : { stdin: given.stdin }),
      ...(given.protectionKeys === undefined ? {} : { protectionKeys: given.protectionKeys }),
      ...(given.mounts === undefined ? {} : { mounts: given.mounts }),
      ...(given.layout === undefined ? {} : { layout: given.layout }),
      ...(given.cpu === undefined ? {} : { cpu: given.cpu }),
    },
  };
}

/** All of them, for the form: the page itself then need not load the policies. */
export async function offeredPolicies(): Promise<readonly PolicyOffer[]> {
  return listPolicies().map(({ name, summary, os, options }) => ({
    name,
    summary,
    os,
    options: options.map((option) => ({
      name: option.name,
      summary: option.summary,
      values: option.values,
      standard: option.default,
    })),
  }));
}

/** Policies that can govern programs of a world, as their names stand alone. */
export function policiesFor({ os }: Pick<WorkshopCase, 'os'>): string[] {
  const governed = os === 'wine' ? 'linux' : os;
  return listPolicies()
    .filter((policy) => policy.os.some((each) => each === governed || each === os))
    .map(({ name }) => name);
}
