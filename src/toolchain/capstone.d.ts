declare module '@alexaltea/capstone-js' {
  /** capstone-js has no types; src/toolchain/disassembly/disassembler.ts says what it uses. */
  const factory: (options: object) => Promise<unknown>;
  export default factory;
}
