/** Every built-in policy, in the order in which they are listed. */
import type { PolicyDefinition } from './definition.js';
import { mdwe } from './mdwe.js';
import { none } from './none.js';
import { nx } from './nx.js';
import { restrictedWx } from './restricted-wx.js';
import { wx } from './wx.js';

export const catalog: readonly PolicyDefinition[] = [none, nx, wx, restrictedWx, mdwe];
