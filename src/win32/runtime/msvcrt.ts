/** msvcrt: all functions by name. */
import type { ApiSet } from '../calls/api.js';
import { handlersApi } from './handlers.js';
import { startUpApi } from './start-up.js';
import { stdioApi } from './stdio.js';
import { stringsApi } from './strings.js';

export const msvcrtApi: ApiSet = { ...startUpApi, ...stdioApi, ...stringsApi, ...handlersApi };
