/** KUSER_SHARED_DATA: the page at 0x7ffe0000 that every process reads, and none writes. Offsets: ntddk.h. */
import { Struct } from '../../base/struct.js';

export const KUSER_SHARED_DATA = 0x7ffe_0000n;
export const NX_SUPPORT_POLICY = 0x2d5n;

export interface SharedDataInit {
  readonly version: readonly [number, number, number];
  /** 0 alwaysoff, 1 alwayson, 2 optin, 3 optout. */
  readonly nxPolicy: number;
}

export function sharedData({ version, nxPolicy }: SharedDataInit): Uint8Array {
  const page = new Struct(0x1000);
  const [major, minor, build] = version;
  page
    .setU32(0x260, build)
    .setU32(0x264, 1)
    .setU8(0x268, 1)
    .setU32(0x26c, major)
    .setU32(0x270, minor)
    .setU8(Number(NX_SUPPORT_POLICY), nxPolicy);
  // Processor features that programs look for: PF_NX_ENABLED (12), SSE, SSE2.
  for (const feature of [6, 8, 10, 12]) page.setU8(0x274 + feature, 1);
  return page.bytes;
}
