/**
 * What a child has in common with its parent: named objects and inherited handles. Events, mutexes, semaphores and open
 * files are the same ones. A section has pages of its own, with the bytes of the parent's, which get them back when
 * the child ends: the parent waits until then.
 */
import { Struct } from '../../base/struct.js';
import type { Section } from '../../os/windows/memory/section.js';
import type { ApiCall } from '../calls/call.js';
import { GuestFileData } from '../file-data.js';
import type { HandleObject } from '../process/handles.js';
import type { Win32Process } from '../process/process.js';
import { imageSection } from './image-section.js';

/** Larger sections are not shared. */
const MAX_SHARED = 64 << 20;

/** The object of this name in the process, or in one of its parents. */
export function namedObject(process: Win32Process, name: string): HandleObject | undefined {
  const own = process.handles.named(name);
  if (own !== undefined || process.parent === undefined) return own;
  const theirs = namedObject(process.parent, name);
  return theirs && asChildHas(process, process.parent, theirs);
}

/** Undefined: the child cannot have it. */
function asChildHas(
  child: Win32Process,
  parent: Win32Process,
  object: HandleObject,
): HandleObject | undefined {
  if (object.kind !== 'section') return object;
  const section = sharedSection(child, parent, object.section);
  return section && { ...object, section };
}

function sharedSection(
  child: Win32Process,
  parent: Win32Process,
  section: Section,
): Section | undefined {
  const { kind, size, protect, reserves, noCache, name } = section;
  if (kind === 'image') {
    const made =
      section.file instanceof GuestFileData
        ? imageSection(child, section.file, protect)
        : undefined;
    return typeof made === 'number' ? undefined : made;
  }
  const file = kind === 'file' ? section.file : memoryAsFile(child, parent, section);
  if (!(file instanceof GuestFileData)) return undefined;
  const made = child.space.createSection({ size, protect, reserves, noCache, file });
  return made && { ...made, kind, name };
}

function memoryAsFile(
  child: Win32Process,
  parent: Win32Process,
  section: Section,
): GuestFileData | undefined {
  const known = child.sharedSections.get(section);
  if (known !== undefined) return known;
  const pages = section.size > MAX_SHARED ? undefined : parent.space.sectionPages(section);
  if (pages === undefined) {
    child.system.note('a section of more than 64 MiB is not shared with a child process');
    return undefined;
  }
  const file = new GuestFileData(`section ${child.sharedSections.size + 1}`);
  file.mapIn(pages);
  child.sharedSections.set(section, file);
  return file;
}

/** Handles that may be inherited have the same numbers in the child. */
export function inheritHandles(parent: Win32Process, child: Win32Process): void {
  for (const [handle, object] of parent.handles.inheritable) {
    const shared = asChildHas(child, parent, object);
    if (shared !== undefined) child.handles.addInherited(handle, shared);
  }
}

/** bInheritHandle of a SECURITY_ATTRIBUTES. */
export function asksToInherit(call: ApiCall, index: number): boolean {
  const { process, memory } = call;
  const at = call.word(index);
  if (at === 0n) return false;
  return new Struct(memory.read(at + BigInt(2 * process.word), 4)).u32(0) !== 0;
}
