/** The machine's I/O ports. Where no device is, `in` gives ones and `out` does nothing, as on a PC. */
import type { Outcome } from '../../../base/outcome.js';
import type { OutputSink } from '../../../kernel/output.js';
import { type BlockTimer, PORT_TIMER_COUNT, PORT_TIMER_MODE } from './timer.js';

/** What is written here is the guest's output, as in Bochs and QEMU's isa-debugcon, which reads back its number. */
export const PORT_DEBUG_CONSOLE = 0xe9;
/** Ends the run with the byte written as its status, as QEMU's isa-debug-exit. */
export const PORT_DEBUG_EXIT = 0xf4;

export interface PortDevices {
  readonly console: OutputSink;
  readonly timer: BlockTimer;
  /** The moment, in blocks. */
  now(): number;
  /** A port of the machine's owner: what comes of a write, or undefined where it has none. */
  readonly service: { readonly port: number; serve(): Outcome | undefined } | undefined;
}

export class Ports {
  readonly #devices: PortDevices;

  constructor(devices: PortDevices) {
    this.#devices = devices;
  }

  read(port: number, size: number): number {
    return port === PORT_DEBUG_CONSOLE ? PORT_DEBUG_CONSOLE : 2 ** (8 * size) - 1;
  }

  /** An outcome ends the machine. */
  write(port: number, size: number, value: number): Outcome | undefined {
    const { console, timer, now, service } = this.#devices;
    if (port === service?.port) return service.serve();
    const bytes = Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
    switch (port) {
      case PORT_DEBUG_CONSOLE:
        console.write(Uint8Array.from(bytes));
        return undefined;
      case PORT_DEBUG_EXIT:
        return { kind: 'exit', code: bytes[0]! };
      case PORT_TIMER_COUNT:
      case PORT_TIMER_MODE:
        timer.out(port, bytes[0]!, now());
        return undefined;
      default:
        return undefined;
    }
  }
}
