/** Links of the workshop: a program with its surroundings as the fragment of a URL. Every name is listed by hand. */
export { BrokenLink, decodeCase, encodeCase, isLink } from '../link/codec.js';
export { linkedEnding } from '../link/ending.js';
export type { LinkedArch, LinkedOs, WorkshopCase } from '../link/workshop-case.js';
