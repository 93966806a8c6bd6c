/** The arguments that a format asks for: those behind the named ones, or a va_list. */
import type { ApiCall } from '../calls/call.js';
import type { FormatArguments } from './format.js';

function argumentsFrom(call: ApiCall, next: (words: number) => bigint): FormatArguments {
  const { wide, word } = call.process;
  const { memory } = call;
  const long = (): bigint => (wide ? next(1) : next(2));
  return {
    word: () => next(1),
    long,
    text: (address, isWide, limit) =>
      memory.text(address, isWide, limit === undefined ? undefined : limit * (isWide ? 2 : 1)),
    store: (address, count) => memory.setU32(address, count),
    pointerDigits: word * 2,
    converted: (characters) =>
      call.process.system.meter.charge('text', 1 + Math.ceil(characters / 256)),
  };
}

export function variadic(call: ApiCall): FormatArguments {
  let index = 0;
  return argumentsFrom(call, (words) => {
    const low = call.variadic(index);
    const value = words === 2 ? low | (call.variadic(index + 1) << 32n) : low;
    index += words;
    return value;
  });
}

export function vaList(call: ApiCall, at: number): FormatArguments {
  const { word } = call.process;
  let address = call.word(at);
  return argumentsFrom(call, (words) => {
    const low = call.memory.word(address);
    const value = words === 2 ? low | (call.memory.word(address + 4n) << 32n) : low;
    address += BigInt(words * word);
    return value;
  });
}
