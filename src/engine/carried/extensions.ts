/** Extensions that are carried out here, by the names that CPU profiles and Linux's /proc/cpuinfo give them. */
export const CARRIED_EXTENSIONS = ['avx', 'avx2', 'fma', 'f16c', 'bmi1', 'bmi2'] as const;

export type CarriedExtension = (typeof CARRIED_EXTENSIONS)[number];
export type Extensions = ReadonlySet<CarriedExtension>;
