import { describe, expect, it } from 'vitest';
import { patchMmuFault } from '../../src/build/unicorn-wasm/patches/patch-mmu-fault.js';
import { jsForm, readSource } from '../../src/build/unicorn-wasm/read/source.js';

const source = await readSource('node_modules/@specy/x86/dist/x86/deps/unicorn-x86.min.js');
const patched = patchMmuFault(source);

/** A place of each change, with a name. */
const PLACES: readonly [string, string][] = [
  ['the page walk', '128&t[(A|=0)+17203|0]){P='],
  ['the interpreter', 'n[60+(i=140736)>>2]=r+896|0'],
  ['goto_tb', 'case 121:e=6+(i+'],
  ['uc_emu_stop', 'function ck(A){return 0|t[(A|=0)+1103|0]'],
  ['a port function', '500==(0|n[i+4>>2])'],
  ['the eight-byte store', 'function gt(A,e,r,i,f,c,b){'],
  ['the flags of the instruction hook', 'uA=(0|E)!=(0|S),'],
  ['the length of the instruction hook', 'n[u+56>>2]=S'],
  ['the VEX prefix', 'X=v>>>4&8,'],
  ['leaf 7 of CPUID', 'case 7:return n[a>>2]=0,n[i>>2]=r?0:'],
  ['raise_exception', 'function Nn(A,e){Xn('],
  ['tlb_fill', 'function Bn(A,e,r,a,i,c){'],
  ['the bitmap of code', '(0|t[a+(e>>>5&127)|0])>>>e&~(-1<<r)'],
  ['the restart of an instruction', 'b||(n[c+288>>2]=0,k=g,'],
  ['gen_inc', 'Yn(0|A,e+(u?26:30)|0),'],
  ['gen_rotc_rm_T1', 'sc(0|A),1==(0|n[A+76>>2])'],
  ['setcc', 'kc(0|e,0|S,0|n[n[U>>2]>>2]),zn('],
  ['the four-byte store', 'function Dt(A,e,r,i,f,c){'],
];

describe('the patch of the engine', () => {
  it('makes another text that still parses', () => {
    expect(patched).not.toBe(source);
    expect(Math.abs(patched.length - source.length)).toBeLessThan(20_000);
    expect(jsForm(patched)).toContain('prepX');
  });

  it.each(PLACES)('refuses a text without %s', (_, text) => {
    expect(source).toContain(text);
    expect(() => patchMmuFault(source.replace(text, ''))).toThrow();
  });

  it('refuses a text that it has patched already', () => {
    expect(() => patchMmuFault(patched)).toThrow();
  });
});
