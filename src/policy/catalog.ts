/** Every built-in policy, and the mechanisms beside them, in the order in which they are listed. */
import { acg } from './acg.js';
import type { MechanismInfo, PolicyDefinition } from './definition.js';
import { dep } from './dep.js';
import { execShield } from './exec-shield.js';
import { freebsd } from './freebsd.js';
import { hardenedRuntime } from './hardened-runtime.js';
import { hardenedbsd } from './hardenedbsd.js';
import { mdwe } from './mdwe.js';
import { memfdNoexec } from './memfd-noexec.js';
import { msealInfo } from './mseal-info.js';
import { netbsdMprotect } from './netbsd-mprotect.js';
import { noexecInfo } from './noexec-info.js';
import { none } from './none.js';
import { nx } from './nx.js';
import { openbsd } from './openbsd.js';
import { pax } from './pax.js';
import { pkeysInfo } from './pkeys-info.js';
import { readImpliesExecInfo } from './read-implies-exec-info.js';
import { restrictedWx } from './restricted-wx.js';
import { selinux } from './selinux.js';
import { systemdMdwe } from './systemd-mdwe.js';
import { wx } from './wx.js';

export const catalog: readonly PolicyDefinition[] = [
  none,
  nx,
  wx,
  restrictedWx,
  mdwe,
  selinux,
  pax,
  execShield,
  systemdMdwe,
  openbsd,
  netbsdMprotect,
  freebsd,
  hardenedbsd,
  dep,
  acg,
  hardenedRuntime,
  memfdNoexec,
];

export const mechanisms: readonly MechanismInfo[] = [
  msealInfo,
  pkeysInfo,
  noexecInfo,
  readImpliesExecInfo,
];
