/** kernel32 and kernelbase: all functions by name, as the system at hand exports them. */
import type { ApiSet } from '../calls/api.js';
import type { Win32System } from '../system.js';
import { exceptionsApi } from './exceptions.js';
import { exceptions64Api } from './exceptions-x64.js';
import { filesApi } from './files.js';
import { foldersApi } from './folders.js';
import { heapApi } from './heap.js';
import { locksApi } from './locks.js';
import { memoryApi } from './memory.js';
import { mitigationsApi } from './mitigations.js';
import { modulesApi } from './modules.js';
import { objectsApi } from './objects.js';
import { pointersApi } from './pointers.js';
import { processApi } from './process.js';
import { sectionApi } from './section.js';
import { storageApi } from './storage.js';
import { stringsApi } from './strings.js';
import { systemApi } from './system.js';
import { textApi } from './text.js';
import { threadsApi } from './threads.js';
import { timeApi } from './time.js';
import { waitingApi } from './waiting.js';

const COMMON: ApiSet = {
  ...exceptionsApi,
  ...filesApi,
  ...foldersApi,
  ...heapApi,
  ...memoryApi,
  ...mitigationsApi,
  ...modulesApi,
  ...pointersApi,
  ...processApi,
  ...sectionApi,
  ...locksApi,
  ...objectsApi,
  ...storageApi,
  ...threadsApi,
  ...waitingApi,
  ...stringsApi,
  ...systemApi,
  ...timeApi,
  ...textApi,
};

const WIDE: ApiSet = { ...COMMON, ...exceptions64Api };

export function kernel32Api({ arch }: Pick<Win32System, 'arch'>): ApiSet {
  return arch === 'x86-64' ? WIDE : COMMON;
}
