/** The words of the kernel's command line that decide something here (Linux Documentation/admin-guide/kernel-parameters.txt). */

export interface CommandLine {
  readonly rodataOff: boolean;
  /** oops=panic. */
  readonly panicOnOops: boolean;
  readonly panicOnWarn: boolean;
  /** panic=: seconds until the machine starts again; 0: never, negative: at once. */
  readonly panicTimeout: number;
  /** clearcpuid=: features by name that the processor is not to have. */
  readonly withoutFeatures: readonly string[];
}

export function parseCommandLine(text: string): CommandLine {
  const words = new Map(
    text
      .split(/\s+/)
      .filter((each) => each !== '')
      .map((each) => {
        const at = each.indexOf('=');
        return at < 0 ? ([each, ''] as const) : ([each.slice(0, at), each.slice(at + 1)] as const);
      }),
  );
  const timeout = Number(words.get('panic') ?? 0);
  return {
    rodataOff: words.get('rodata') === 'off',
    panicOnOops: words.get('oops') === 'panic',
    panicOnWarn: words.has('panic_on_warn') && words.get('panic_on_warn') !== '0',
    panicTimeout: Number.isInteger(timeout) ? timeout : 0,
    withoutFeatures: (words.get('clearcpuid') ?? '').split(',').filter((each) => each !== ''),
  };
}
