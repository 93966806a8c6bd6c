/** Exceptions by vector: Intel SDM volume 3, table 7-1 and section 7.15. */

export const VECTOR_DE = 0;
export const VECTOR_DB = 1;
export const VECTOR_BP = 3;
export const VECTOR_OF = 4;
export const VECTOR_UD = 6;
export const VECTOR_DF = 8;
export const VECTOR_TS = 10;
export const VECTOR_NP = 11;
export const VECTOR_SS = 12;
export const VECTOR_GP = 13;
export const VECTOR_PF = 14;
export const VECTOR_AC = 17;
export const VECTOR_CP = 21;

const WITH_ERROR_CODE: ReadonlySet<number> = new Set([
  VECTOR_DF,
  VECTOR_TS,
  VECTOR_NP,
  VECTOR_SS,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_AC,
  VECTOR_CP,
]);

const CONTRIBUTORY: ReadonlySet<number> = new Set([
  VECTOR_DE,
  VECTOR_TS,
  VECTOR_NP,
  VECTOR_SS,
  VECTOR_GP,
  VECTOR_CP,
]);

export function hasErrorCode(vector: number): boolean {
  return WITH_ERROR_CODE.has(vector);
}

/** Table 7-5: what an exception becomes that comes while another one is delivered. */
export function combined(first: number, second: number): 'serial' | 'double-fault' | 'shutdown' {
  const severe = (vector: number): boolean => CONTRIBUTORY.has(vector) || vector === VECTOR_PF;
  if (first === VECTOR_DF) return severe(second) ? 'shutdown' : 'serial';
  if (first === VECTOR_PF) return severe(second) ? 'double-fault' : 'serial';
  return CONTRIBUTORY.has(first) && CONTRIBUTORY.has(second) ? 'double-fault' : 'serial';
}
