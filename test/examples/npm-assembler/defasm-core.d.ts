/** What the tests use of @defasm/core, which has no types of its own. */
declare module '@defasm/core' {
  interface AssemblyConfig {
    readonly syntax?: { readonly intel: boolean; readonly prefix: boolean };
    readonly bitness?: 32 | 64;
  }

  interface LineRange {
    readonly start: number;
  }

  class AssemblyState {
    constructor(config?: AssemblyConfig);
    readonly head: { dump(): Uint8Array };
    readonly errors: readonly { readonly message: string }[];
    /** Without a range a new program, else the text that replaces it. */
    compile(source: string, options?: { readonly range?: LineRange }): void;
    line(number: number): LineRange;
  }
}
