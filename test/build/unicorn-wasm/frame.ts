/**
 * A small module in the shape that the translator reads: wasm2js's frame around functions of a
 * test. The same text runs as JavaScript, which makes it the oracle for its own translation.
 */
import { translate } from '../../../src/build/unicorn-wasm/translate.js';

export interface Sample {
  /** Function declarations. */
  readonly functions: string;
  /** Names of those that are exported. */
  readonly exports: readonly string[];
  /** Entries of the table after the empty first. */
  readonly table?: readonly string[];
}

type Exports = Record<string, (...args: number[]) => number>;

export function frame({ functions, exports, table = [] }: Sample): string {
  return [
    'var M={};(function(){this.exports=(function(A){',
    'for(var e,r=new Uint8Array(123),a=25;a>=0;--a)r[48+a]=52+a,r[65+a]=a,r[97+a]=26+a;',
    'function i(A,e,a){for(var i,f,n=0,c=e,t=a.length,b=atob(a);n<b.length;)A[c++]=b.charCodeAt(n++)}',
    'r[43]=62,r[47]=63;',
    'var f=new ArrayBuffer(16),n=new Int32Array(f),c=new Float32Array(f),t=new Float64Array(f);',
    'function b(A){return n[A]}',
    'function k(A,e){n[A]=e}',
    'function s(){return t[0]}',
    'function u(A){t[0]=A}',
    'function _(){throw new Error("abort")}',
    'return(function(A){',
    'var r=new ArrayBuffer(65536),a=new Int8Array(r),f=new Int16Array(r),n=new Int32Array(r),',
    't=new Uint8Array(r),E=new Uint16Array(r),',
    'I=(new Uint32Array(r),new Float32Array(r),new Float64Array(r)),',
    'imul=Math.imul,clz=Math.clz32,fround=Math.fround,min=Math.min,abs=Math.abs,',
    'floor=Math.floor,ceil=Math.ceil,env=A.env,now=env.emscripten_get_now,g0=5,g1=7;',
    functions,
    'i(t,1024,"AQIDBA==");',
    `var Dk,Pk=((Dk=[${['null', ...table].join()}]).grow=function(A){},Dk);`,
    `return{memory:0,${exports.map((name) => `${name}:${name}`).join()}}`,
    '})(A)})({env:{emscripten_get_now:()=>1.5}})}).call(M);',
  ].join('\n');
}

/** The sample as JavaScript and as WebAssembly. */
export async function bothWays(sample: Sample): Promise<{ js: Exports; wasm: Exports }> {
  const source = frame(sample);
  // Strict, as the module that the engine comes in.
  const js = new Function(`"use strict";${source};return M.exports`)() as Exports;
  const imports = { env: { emscripten_get_now: () => 1.5 } };
  const { instance } = await WebAssembly.instantiate(
    new Uint8Array(translate(source).bytes),
    imports,
  );
  return { js, wasm: instance.exports as Exports };
}
