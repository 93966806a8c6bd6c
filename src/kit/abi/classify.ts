/**
 * Where the parts of one value go: the System V classification of eightbytes (AMD64 ABI 3.2.3), and
 * the simpler rules of Win64 and i386. Pure; counting registers is done in locations.ts.
 */
import { scalarsOf, type ValueType } from './value-type.js';

export type EightbyteClass = 'integer' | 'sse' | 'sseup';

/** One class for each eightbyte, or 'memory'. Void has none. */
export function classifySysV(type: ValueType): readonly EightbyteClass[] | 'memory' {
  if (type.size > 16) return 'memory';
  if (type.kind === 'vector') return ['sse', 'sseup'];
  const classes: (EightbyteClass | undefined)[] = Array.from({
    length: Math.ceil(type.size / 8),
  });
  for (const { offset, type: field } of scalarsOf(type)) {
    if (field.kind === 'vector') return ['sse', 'sseup'];
    const index = Math.floor(offset / 8);
    // INTEGER wins over SSE within an eightbyte.
    const own = field.kind === 'float' ? 'sse' : 'integer';
    classes[index] = classes[index] === 'integer' ? 'integer' : own;
  }
  // An eightbyte of padding only has NO_CLASS; it travels as SSE (ABI 3.2.3, footnote to "classification").
  return classes.map((each) => each ?? 'sse');
}

/** Win64 passes structures and vectors of other lengths by reference. */
export function byReferenceWin64({ kind, size }: ValueType): boolean {
  if (kind === 'vector') return true;
  return kind === 'struct' && ![1, 2, 4, 8].includes(size);
}

/** Is a result written through a pointer that the caller passes? */
export function returnsInMemory(type: ValueType, abi: string): boolean {
  switch (abi) {
    case 'sysv':
      return classifySysV(type) === 'memory';
    case 'win64':
      return type.kind === 'struct' && byReferenceWin64(type);
    // Linux returns every structure in memory; Windows keeps the small ones in edx:eax.
    case 'cdecl':
      return type.kind === 'struct';
    default:
      return type.kind === 'struct' && ![1, 2, 4, 8].includes(type.size);
  }
}
