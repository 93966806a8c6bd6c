/**
 * HostTree: files of the host that a guest may see besides those that it was given: asked for one at a time, when the
 * guest comes by them, and never written. What is not in it does not exist for the guest.
 */
export type HostNode =
  | {
      readonly kind: 'file';
      /** Permission bits. */
      readonly mode: number;
      /** Bytes. */
      readonly size: number;
      /** Asked once, at the first access to the content. */
      readonly read: () => Uint8Array;
    }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string };

export interface HostTree {
  /** What stands at an absolute path of the guest's, links not followed; undefined: nothing that it may see. */
  node(path: string): HostNode | undefined;
  /** Names in a directory of the guest's, in any order. */
  list(path: string): readonly string[];
}
