declare module '@alexaltea/keystone-js' {
  /** keystone-js has no types; src/toolchain/encode/keystone.ts says what it uses. */
  const factory: (options: object) => Promise<unknown>;
  export default factory;
}
