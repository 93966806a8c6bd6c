/** CreateFile's work: the object behind a path, by the rules of its disposition. */
import { ERROR } from '../../abi/windows/status.js';
import type { GuestFileData } from '../file-data.js';
import type { HandleObject } from '../process/handles.js';
import type { Win32Process } from '../process/process.js';

const CREATE_NEW = 1;
const CREATE_ALWAYS = 2;
const OPEN_EXISTING = 3;
const TRUNCATE_EXISTING = 5;

/** The file has a section or a view: it can't be made shorter. */
export function isMapped({ handles, space }: Win32Process, file: GuestFileData): boolean {
  return handles.maps(file) || space.vm.vads.all.some(({ section }) => section?.file === file);
}

/** The object, or the Win32 error. */
export function openFile(
  process: Win32Process,
  path: string,
  access: number,
  disposition: number,
): HandleObject | number {
  const { files } = process.system;
  const device = path.toUpperCase().replace(/^\\\\\.\\/, '');
  if (device === 'NUL') return { kind: 'null' };
  if (device === 'CONOUT$') return { kind: 'output', fd: 1 };
  if (device === 'CONIN$') return { kind: 'input' };
  if (path === '') return ERROR.PATH_NOT_FOUND;
  const known = files.find(path);
  if (disposition === CREATE_NEW && known !== undefined) return ERROR.FILE_EXISTS;
  if (known === undefined && files.isFolder(path)) return ERROR.ACCESS_DENIED;
  const mustExist = disposition === OPEN_EXISTING || disposition === TRUNCATE_EXISTING;
  if (mustExist && known === undefined) return ERROR.FILE_NOT_FOUND;
  if (known === undefined && !files.isFolder(files.folderOf(path))) return ERROR.PATH_NOT_FOUND;
  const file = known ?? files.create(path);
  if (file === undefined) return ERROR.NOT_ENOUGH_MEMORY;
  if (disposition === CREATE_ALWAYS || disposition === TRUNCATE_EXISTING) {
    if (file.length > 0 && isMapped(process, file)) return ERROR.USER_MAPPED_FILE;
    file.resize(0);
  }
  return { kind: 'file', file, access, position: 0 };
}
