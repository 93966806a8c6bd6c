/** `npm test -- --fast`: without what takes long, or starts processes, or asks the network. */
import { configDefaults, mergeConfig } from 'vitest/config';
import all from './vitest.config.js';

const SLOW = [
  'test/browser/**',
  'test/build/**',
  'test/cli/**',
  'test/docs.spec.ts',
  'test/engine/conformance.spec.ts',
  'test/native/**',
  'test/os/linux/*-programs.spec.ts',
  'test/os/linux/properties.spec.ts',
  'test/probe/**',
  'test/runner/**',
  'test/scenario/command.spec.ts',
  'test/vitest/newcomer.spec.ts',
];

export default mergeConfig(all, { test: { exclude: [...configDefaults.exclude, ...SLOW] } });
