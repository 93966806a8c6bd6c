/** Once a run, before its first test. */
import type { TestProject } from 'vitest/node';
import { measureHost } from './measure.js';

export default async function setup(project: TestProject): Promise<void> {
  project.provide('host', await measureHost());
}
