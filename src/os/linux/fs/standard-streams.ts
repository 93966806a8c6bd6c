/** Descriptors 0, 1 and 2 of the first process: pipes to the host. */
import { O_RDONLY, O_WRONLY } from '../../../abi/linux/fcntl.js';
import type { OutputSink } from '../../../kernel/output.js';
import type { FileSystem } from './file-system.js';
import { type DescriptorTable, OpenFile } from './open-file.js';
import { type Input, InputStream, OutputStream } from './streams.js';

export function openStandardStreams(
  files: FileSystem,
  table: DescriptorTable,
  input: Input,
  outputs: readonly OutputSink[],
): void {
  const { pipefs } = files;
  const stdin = files.add(new InputStream(pipefs, files.newNumber(), input));
  table.install(new OpenFile(stdin, `pipe:[${stdin.number}]`, O_RDONLY), false);
  for (const sink of outputs) {
    const stream = files.add(new OutputStream(pipefs, files.newNumber(), sink));
    table.install(new OpenFile(stream, `pipe:[${stream.number}]`, O_WRONLY), false);
  }
}
