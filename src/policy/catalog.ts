/** Every built-in policy, and the mechanisms beside them, in the order in which they are listed. */

import { hardenedRuntime } from './apple/hardened-runtime.js';
import { freebsd } from './bsd/freebsd.js';
import { hardenedbsd } from './bsd/hardenedbsd.js';
import { netbsdMprotect } from './bsd/netbsd-mprotect.js';
import { openbsd } from './bsd/openbsd.js';
import type { MechanismInfo, PolicyDefinition } from './definition.js';
import { execShield } from './linux/exec-shield.js';
import { mdwe } from './linux/mdwe.js';
import { memfdNoexec } from './linux/memfd-noexec.js';
import { msealInfo } from './linux/mseal-info.js';
import { noexecInfo } from './linux/noexec-info.js';
import { none } from './linux/none.js';
import { nx } from './linux/nx.js';
import { pkeysInfo } from './linux/pkeys-info.js';
import { readImpliesExecInfo } from './linux/read-implies-exec-info.js';
import { restrictedWx } from './linux/restricted-wx.js';
import { systemdMdwe } from './linux/systemd-mdwe.js';
import { wx } from './linux/wx.js';
import { lsmInfo } from './lsm/info.js';
import { pax } from './pax/pax.js';
import { selinux } from './selinux/selinux.js';
import { acg } from './windows/acg.js';
import { dep } from './windows/dep.js';

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
  lsmInfo,
];
