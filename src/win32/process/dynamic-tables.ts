/** Unwind tables of code that a program makes. */
import type { Addr } from '../../base/address.js';

/** As RtlAddFunctionTable, RtlAddGrowableFunctionTable and RtlInstallFunctionTableCallback were told. */
export type DynamicTable =
  | {
      readonly kind: 'table';
      /** What it is deleted by. */
      readonly id: Addr;
      readonly address: Addr;
      readonly count: number;
      readonly base: Addr;
    }
  | {
      readonly kind: 'callback';
      readonly id: Addr;
      readonly base: Addr;
      /** Bytes. */
      readonly length: bigint;
      readonly callback: Addr;
      readonly context: Addr;
    };
