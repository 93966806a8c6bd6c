/**
 * What a policy in text is shown at each hook: the arguments of the hook as plain data. Numbers of 64 bits are BigInt, as
 * for any policy; the bytes of files and memory are left out.
 */
import type { MemoryObject } from '../memory/object.js';
import type { FaultContext, MmFacts } from '../os/linux/mm/hooks.js';
import type { Vma } from '../os/linux/mm/vmas/vma.js';
import type { AllHookArguments, HookName } from '../policy/hooks.js';

type Shown = { readonly [K in HookName]: (...args: AllHookArguments[K]) => readonly unknown[] };

export const SHOWN: Shown = {
  exec: ({ path, arch, type, programHeaders }, facts) => [
    { path, arch, type, programHeaders },
    factsOf(facts),
  ],
  entryStack: (vma, stackPointer, facts) => [vma && vmaOf(vma), stackPointer, factsOf(facts)],
  syscall: (name, args, facts) => [name, args, factsOf(facts)],
  mmapFile: mapping,
  mmapFlags: mapping,
  mmapRegion: mapping,
  mmapRegionPost: mapping,
  mprotectArguments: (prot, range, facts) => [prot, range, factsOf(facts)],
  mprotectRights: (vma, request, facts) => [vmaOf(vma), request, factsOf(facts)],
  mprotect: (vma, request, facts) => [vmaOf(vma), request, factsOf(facts)],
  mremap: (vma, request, facts) => [vmaOf(vma), request, factsOf(facts)],
  implicit: mapping,
  fault: (vma, address, access, facts, context) => [
    vma && vmaOf(vma),
    address,
    access,
    factsOf(facts),
    context && contextOf(context),
  ],
};

function mapping(
  ...[request, facts]: AllHookArguments['mmapFile']
): readonly [unknown, ReturnType<typeof factsOf>] {
  return [{ ...request, object: request.object && objectOf(request.object) }, factsOf(facts)];
}

function vmaOf({ start, end, flags, object, pageOffset, anonVma, name, pkey, sealed }: Vma) {
  const shown = object && objectOf(object);
  return { start, end, flags, object: shown, pageOffset, anonVma, name, pkey, sealed };
}

function objectOf({ kind, path, inodePrivate, label, size, readsAsZero, seals }: MemoryObject) {
  return { kind, path, inodePrivate, label, size, readsAsZero, seals };
}

function factsOf(facts: MmFacts) {
  const { arch, nx, personality, startBrk, brk, startStack, stackPointer } = facts;
  const { restrictedWx, mdwe } = facts;
  return {
    ...{ arch, nx, personality, startBrk, brk, startStack, stackPointer },
    ...{ restrictedWx, mdwe },
  };
}

function contextOf({ pc, stackPointer }: FaultContext) {
  return { pc, stackPointer };
}
