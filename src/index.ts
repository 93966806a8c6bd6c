/**
 * The public API: all parts. Each can be imported alone (`mayexec/sandbox` ...), so that a page loads only what it
 * needs. What a part does not list may change at any time.
 */

export * from './parts/diagnosis.js';
export * from './parts/kit.js';
export * from './parts/link.js';
export * from './parts/probe.js';
export * from './parts/sandbox.js';
export * from './parts/scenario.js';
export * from './parts/toolchain.js';
