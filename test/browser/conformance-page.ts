/** The engine's conformance suite, as a module for a page or a worker. */
import '../engine/conformance.spec.js';

export { runCases } from './vitest-stand-in.js';
