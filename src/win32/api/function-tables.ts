/** kernel32 and ntdll: unwind tables of code that a program makes (64-bit). */
import { STATUS } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { entryAddress, lookupFunction } from '../exceptions/function-tables.js';
import type { DynamicTable } from '../process/dynamic-tables.js';

const MAX_TABLES = 4096;
const MAX_FUNCTIONS = 1 << 16;
/** Marks the identifier of a table that a callback answers for. */
const CALLBACK_BITS = 3n;

/** False: there are too many. */
function add({ process }: ApiCall, table: DynamicTable): boolean {
  if (process.functionTables.length >= MAX_TABLES) return false;
  process.functionTables = [...process.functionTables, table];
  return true;
}

/** False: nobody has told of it. */
function remove({ process }: ApiCall, id: bigint): boolean {
  const rest = process.functionTables.filter((table) => table.id !== id);
  const isKnown = rest.length < process.functionTables.length;
  process.functionTables = rest;
  return isKnown;
}

function* lookup(call: ApiCall): HostTask<bigint> {
  const entry = yield* lookupFunction(call.process, call.word(0));
  if (entry === undefined) return 0n;
  call.memory.setWord(call.word(1), entry.base);
  return entryAddress(entry);
}

function addGrowable(call: ApiCall): bigint | number {
  const [count, most] = [call.dword(2), call.dword(3)];
  if (Math.max(count, most) > MAX_FUNCTIONS) return STATUS.NO_MEMORY;
  const address = call.word(1);
  // The handle is the table's own address: nothing else is needed to find it again.
  const table = { kind: 'table', id: address, address, count, base: call.word(4) } as const;
  if (!add(call, table)) return STATUS.NO_MEMORY;
  call.memory.setWord(call.word(0), address);
  return STATUS.SUCCESS;
}

function installCallback(call: ApiCall): boolean {
  const [id, base, handler, context] = [call.word(0), call.word(1), call.word(3), call.word(4)];
  if ((id & CALLBACK_BITS) !== CALLBACK_BITS) return false;
  const length = BigInt(call.dword(2));
  return add(call, { kind: 'callback', id, base, length, callback: handler, context });
}

export const functionTablesApi: ApiSet = {
  RtlLookupFunctionEntry: api('ptr ControlPc, out ImageBase, ptr HistoryTable', lookup),
  RtlAddFunctionTable: api('ptr FunctionTable, dword EntryCount, ptr BaseAddress', (call) => {
    const [address, count, base] = [call.word(0), call.dword(1), call.word(2)];
    if (count > MAX_FUNCTIONS) return 0n;
    return add(call, { kind: 'table', id: address, address, count, base });
  }),
  RtlInstallFunctionTableCallback: api(
    'ptr TableIdentifier, ptr BaseAddress, dword Length, ptr Callback, ptr Context, wstr OutOfProcessCallbackDll',
    installCallback,
  ),
  RtlDeleteFunctionTable: api('ptr FunctionTable', (call) => remove(call, call.word(0))),
  RtlAddGrowableFunctionTable: api(
    'out DynamicTable, ptr FunctionTable, dword EntryCount, dword MaximumEntryCount, ptr RangeBase, ptr RangeEnd',
    addGrowable,
  ),
  RtlGrowFunctionTable: api('handle DynamicTable, dword NewEntryCount', (call) => {
    const { process } = call;
    const count = call.dword(1);
    process.functionTables = process.functionTables.map((table) =>
      table.kind === 'table' && table.id === call.word(0)
        ? { ...table, count: Math.min(count, MAX_FUNCTIONS) }
        : table,
    );
    return 0n;
  }),
  RtlDeleteGrowableFunctionTable: api('handle DynamicTable', (call) => {
    remove(call, call.word(0));
    return 0n;
  }),
};
