/** `npm test -- --fast`: without what takes long, or starts processes, or asks the network. */
import { configDefaults, mergeConfig } from 'vitest/config';
import all from './vitest.config.js';

const SLOW = [
  'test/browser/**',
  'test/build/**',
  'test/cli/**',
  'test/diagnosis/monitor/programs.spec.ts',
  'test/docs.spec.ts',
  'test/engine/conformance.spec.ts',
  'test/examples/npm-assembler/**',
  'test/hostile/**',
  'test/kit/isolation.spec.ts',
  'test/native/**',
  'test/os/kernel/oops.spec.ts',
  'test/os/kernel/runtime.spec.ts',
  'test/os/linux/*-programs.spec.ts',
  'test/os/linux/properties.spec.ts',
  'test/policy/pax-conversation.spec.ts',
  'test/probe/**',
  'test/runner/**',
  'test/sandbox/stepping.spec.ts',
  'test/scenario/command.spec.ts',
  'test/scenario/scenarios.spec.ts',
  'test/scenario/shard.spec.ts',
  'test/toolchain/compiled.spec.ts',
  'test/types/**',
  'test/vitest/newcomer.spec.ts',
  'test/web/**',
  'test/win32/handlers.spec.ts',
  'test/win32/probe.spec.ts',
  'test/win32/programs.spec.ts',
  'test/win32/runtime/recorded.spec.ts',
  'test/win32/threads.spec.ts',
  'test/win32/wine.spec.ts',
];

export default mergeConfig(all, { test: { exclude: [...configDefaults.exclude, ...SLOW] } });
