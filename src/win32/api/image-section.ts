/** Sections of images (SEC_IMAGE): a PE file as the loader would map it, without anything being run or bound. */
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import { PeContent } from '../../formats/pe/content.js';
import { relocate } from '../../formats/pe/directories.js';
import { parsePe } from '../../formats/pe/image.js';
import type { Section } from '../../os/windows/memory/section.js';
import type { GuestFileData } from '../file-data.js';
import type { Win32Process } from '../process/process.js';

/** The section, or why the file is no image for this process. */
export function imageSection(
  { space, system }: Win32Process,
  file: GuestFileData,
  protect: number,
): Section | NtStatus {
  const bytes = file.bytes.slice();
  const parsed = parsePe(bytes);
  if (!parsed.ok || parsed.image.arch !== system.arch) return STATUS.INVALID_IMAGE_FORMAT;
  const { image } = parsed;
  return {
    kind: 'image',
    size: image.size,
    protect,
    reserves: false,
    noCache: false,
    object: undefined,
    image: new PeContent(bytes, image),
    imageAt: (base: Addr) => {
      const content = new PeContent(bytes, image);
      try {
        relocate(content, base);
      } catch (error) {
        if (error instanceof MayexecError) return undefined;
        throw error;
      }
      return content;
    },
    file,
    name: space.installImage(file.path, bytes),
  };
}
