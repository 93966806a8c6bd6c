/** Extensions beyond SSE2 that a processor may have, by the names that Linux's /proc/cpuinfo and compilers give them. */
export const EXTENSIONS = [
  ...(['sse3', 'ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'cx16', 'lahf_lm'] as const),
  ...(['aes', 'pclmul', 'movbe', 'lzcnt', 'adx', 'rdrand', 'rdseed'] as const),
  ...(['xsave', 'avx', 'avx2', 'fma', 'f16c', 'bmi1', 'bmi2'] as const),
] as const;

export type Extension = (typeof EXTENSIONS)[number];
export type Extensions = ReadonlySet<Extension>;
