/** msvcrt: all functions by name. */
import type { ApiSet } from '../calls/api.js';
import { blocksApi } from './blocks.js';
import { charactersApi } from './characters.js';
import { environmentApi } from './environment.js';
import { runtimeFilesApi } from './files.js';
import { handlersApi } from './handlers.js';
import { jumpsApi } from './jumps.js';
import { mathApi } from './math.js';
import { numbersApi } from './numbers.js';
import { printApi } from './print.js';
import { scanApi } from './scan.js';
import { signalsApi } from './signals.js';
import { sortApi } from './sort.js';
import { startUpApi } from './start-up.js';
import { stdioApi } from './stdio.js';
import { stringsApi } from './strings.js';
import { runtimeThreadsApi } from './threads.js';
import { timeApi } from './time.js';

export const msvcrtApi: ApiSet = {
  ...blocksApi,
  ...charactersApi,
  ...environmentApi,
  ...handlersApi,
  ...jumpsApi,
  ...mathApi,
  ...numbersApi,
  ...printApi,
  ...runtimeFilesApi,
  ...scanApi,
  ...signalsApi,
  ...sortApi,
  ...runtimeThreadsApi,
  ...startUpApi,
  ...stdioApi,
  ...stringsApi,
  ...timeApi,
};
