/** The host's program as a file of the guest's, with a command line. */
import { MayexecError } from '../../base/errors.js';
import { isPe } from '../../formats/pe/image.js';
import type { GuestOptions } from '../../kernel/world.js';
import { baseName, type GuestFiles } from '../files.js';
import type { Win32Program } from '../guest/guest.js';

const ENVIRONMENT = [
  'PATH=C:\\windows\\system32',
  'SystemRoot=C:\\windows',
  'TEMP=C:\\users\\guest\\Temp',
];

/** Puts the program into the files. @throws MayexecError for a file that is no program of Windows. */
export function programOf({ program }: GuestOptions, files: GuestFiles): Win32Program | undefined {
  if (program === undefined) return undefined;
  const { bytes, argv, env } = program;
  if (!isPe(bytes)) {
    throw new MayexecError(
      `cannot execute '${program.path}': it is no PE file (it does not begin with MZ), which Windows needs`,
    );
  }
  const name = baseName(program.path);
  const path = `C:\\${name.includes('.') ? name : `${name}.exe`}`;
  files.create(path, bytes);
  const [, ...rest] = argv;
  return {
    path,
    commandLine: [path, ...rest].map(quoted).join(' '),
    environment: [...ENVIRONMENT, ...env],
    bytes,
  };
}

/** As CommandLineToArgvW takes it apart again. */
function quoted(argument: string): string {
  if (argument !== '' && !/[\s"]/.test(argument)) return argument;
  return `"${argument.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}
