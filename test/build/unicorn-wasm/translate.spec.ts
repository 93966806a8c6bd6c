/** Constructs of wasm2js's JavaScript, one by one: the translation computes what the text does. */
import { describe, expect, test } from 'vitest';
import { TranslateError } from '../../../src/build/unicorn-wasm/read/source.js';
import { translate } from '../../../src/build/unicorn-wasm/translate.js';
import { bothWays, frame } from './frame.js';

const VALUES = [
  ...[0, 1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 32767, 65535, 65536],
  ...[0x7fffffff, -1, -2, -7, -128, -0x80000000, 0x55555555, -0x55555556],
];

/** Bodies of `function f(A, e) {...}` on two integers. */
const INTEGER = {
  'sums that wrap': 'return A|=0,e|=0,A+e+A-3|0',
  'a sum that is coerced late': 'var r=0,a=0;A|=0,e|=0,r=A+e|0,a=r+A|0;return a+e+r>>>3|0',
  'products of 32 bits': 'return A|=0,e|=0,imul(A,e)|0',
  'bit operators': 'return A|=0,e|=0,(A&e^~A)<<5|(A|e)>>>(e&31)',
  'shifts by any amount': 'return A|=0,e|=0,(A<<e)+(A>>e)+(A>>>e)|0',
  'signed comparison': 'return A|=0,e|=0,((0|A)<(0|e))+((0|A)>=(0|e))+(A?1:2)|0',
  'unsigned comparison': 'return A|=0,e|=0,(A>>>0<e>>>0)|(A>>>0>=e>>>0)<<1|(A>>>0>9)<<2',
  equality: 'return A|=0,e|=0,(0|A)==(0|e)?(0|A)!=3?1:2:3',
  'signed division': 'return A|=0,e|=0,((0|A)/(0|e)|0)+((0|A)%(0|e)|0)|0',
  'unsigned division': 'return A|=0,e|=0,((A>>>0)/(e>>>0)>>>0)+((A>>>0)%(e>>>0)>>>0)|0',
  'division by a constant': 'return A|=0,e|=0,((0|A)/7|0)+((e>>>0)%10|0)|0',
  'leading zeros': 'return A|=0,e|=0,clz(A)+clz(e)|0',
  'logical values': 'var r=0,a=0;return A|=0,e|=0,r=A&&e,a=A||e,r+(!A&!e)+imul(a,3)|0',
  'logical effects': 'var r=0;return A|=0,e|=0,A&&(r=1),e||(r=r+2|0),A&&e&&(r=r+4|0),0|r',
  'assignment as value': 'var r=0,a=0;return A|=0,e|=0,(r=(a=A+e|0)+a|0)+(A=r)+A|0',
  'order of evaluation': 'return A|=0,e|=0,A+(A=e)+(A=A+1|0)+A|0',
  'both signs in one variable': 'var r=0;return A|=0,e|=0,r=A?e>>>0:-5,r?1:0',
  negation: 'return A|=0,e|=0,-A-(0-e)|0',
  'global variables': 'return A|=0,e|=0,g1=A,g1=g1+e|0,g0+g1|0',
  'bytes and halves':
    'A|=0,e|=0,a[2048]=A,f[2050>>1]=e,n[2052>>2]=A;return a[2048]+t[2048|0]+f[2050>>1]+E[2050>>1]+n[2052>>2]|0',
  'an address with an offset':
    'A=(A&255)<<2,e|=0,n[A+4096>>2]=e,a[A+4100|0]=A;return(0|n[A+4096>>2])+(0|t[A+4100|0])|0',
  'an assembled word':
    'var r=0,i=0;A|=0,e|=0,n[3000>>2]=A,n[3004>>2]=e;return i=t[0|(r=3001)]|t[r+1|0]<<8|t[r+2|0]<<16|t[r+3|0]<<24,i^(t[3002]|t[3003]<<8)',
  'a word taken apart':
    'var r=0,i=0;A|=0,e|=0,r=3101,i=A,a[0|r]=i,a[r+1|0]=i>>>8,a[r+2|0]=i>>>16,a[r+3|0]=i>>>24,a[3105]=e,a[3106]=e>>>8;return(0|n[3100>>2])+(0|n[3104>>2])|0',
  'bytes of different words':
    'var r=0;A|=0,e|=0,r=3201,a[0|r]=A,a[r+1|0]=e>>>8,a[r+2|0]=A>>>16;return(0|n[3200>>2])^(t[0|r]|t[r+2|0]<<8)',
  'the value of a store': 'var r=0;return A|=0,e|=0,r=a[3300]=A,r+(n[3304>>2]=e)|0',
  'memory starts with its data': 'return A|=0,e|=0,n[1024>>2]',
  loops:
    'var r=0;A|=0,e|=0;A:for(A&=63;;){if(!A)break A;if(A=A-1|0,A&1)continue A;r=r+A|0}return r+e|0',
  'a loop with test and update': 'var r=0;e|=0;for(A&=31;r>>>0<100;r=r+3|0)A=A+r|0;return A+e|0',
  'a do-while': 'var r=0;e|=0,A&=31;for(;r=r+A|0,A=A-1|0,(0|A)>0;);return r+e|0',
  'nested labels':
    'var r=0;A|=0,e|=0;A:{e:{if(A&1)break e;r=1;break A}r=2;if(e&1)break A;r=3}return 0|r',
  'a switch that falls through':
    'var r=0;A|=0,e|=0;A:{switch(A+1|0){case 0:r=1;case 3:r=r+10|0;break;case 1:break A;default:r=5;case 33:r=r+100|0}r=r+1000|0}return r+e|0',
  'return from inside': 'A|=0,e|=0;for(;;){switch(0|A){case 3:return 1;case 7:break}return e?2:3}',
  'calls in place':
    'return A|=0,e|=0,0|function(A,e){A|=0,e|=0;var r=0;return r=A-e|0,imul(r,r)|0}(0|e,0|A)',
  'a missing argument': 'return A|=0,e|=0,(function(A){}(),A)',
  'the table': 'return A|=0,e|=0,(0|Pk[1](A,e))+(0|Pk[(A&1)+1|0](e,A))|0',
  'the index before the arguments': 'return A|=0,e|=0,0|Pk[0|(A=1)](A,e)',
} as const;

/** Bodies of `function f(A, e) {...}` on two floats. */
const FLOAT = {
  arithmetic: 'return A=+A,e=+e,+((A+e)*(A-.5)/(e*4))',
  'a literal that is also an integer': 'var r=0;return A=+A,e=+e,r=1,r=A*2+r,+(r-1)',
  'integer part': 'return A=+A,e=+e,+(~~A)+ +(~~e>>>0)',
  comparison: 'return A=+A,e=+e,+((A<e)+(A==e))',
  'rounding functions': 'return A=+A,e=+e,+(floor(A)+ceil(e)+abs(A)+min(A,e))',
  'single precision': 'return A=+A,e=+e,+fround(A)*+fround(e)',
  negation: 'return A=+A,e=+e,-A-e',
  'bits of a float': 'return A=+A,e=+e,u(A),k(1,b(1)^1),+s()+ +(0|b(0))',
  'bits of a single': 'return A=+A,e=+e,c[2]=A,+(0|b(2))',
  memory: 'return A=+A,e=+e,I[4096>>3]=A,+I[512]+ +I[4096>>3]',
  imports: 'return A=+A,e=+e,A+ +now()',
  conversion: 'var r=0;return A=+A,e=+e,r=~~A,+(0|r)+ +(r>>>0)',
} as const;

const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.1,
  1.5,
  -2.5,
  1e10,
  -1e10,
  2 ** 31,
  -(2 ** 31),
  2 ** 53,
  1e300,
  1 / 0,
  NaN,
];

const helpers = 'function T(A,e){return A|=0,e|=0,A-e|0}function V(A,e){n[3400>>2]=A|0}';
const table = ['T', 'V'];

describe('integers', () => {
  test.each(Object.entries(INTEGER))('%s', async (_name, body) => {
    const functions = `${helpers}function F(A,e){${body}}`;
    const { js, wasm } = await bothWays({ functions, exports: ['F'], table });
    for (const a of VALUES)
      for (const b of VALUES) expect([a, b, wasm.F!(a, b) | 0]).toEqual([a, b, js.F!(a, b) | 0]);
  });
});

describe('floats', () => {
  test.each(Object.entries(FLOAT))('%s', async (_name, body) => {
    const { js, wasm } = await bothWays({ functions: `function F(A,e){${body}}`, exports: ['F'] });
    for (const a of FLOATS)
      for (const b of FLOATS) expect([a, b, wasm.F!(a, b)]).toEqual([a, b, js.F!(a, b)]);
  });
});

describe('what is not understood is refused, with its name and place', () => {
  test.each([
    ['a while loop', 'A|=0;while(A)A=A-1|0;return 0|A', /WhileStatement/],
    ['a closure', 'A|=0;var r=0;r=function(){return A};return 0|A', /function used as a value/],
    ['a name of another function', 'return 0|function(){return A|0}()', /unknown name A/],
    ['an unknown name', 'return 0|nowhere', /unknown name nowhere/],
    ['an unsafe comparison', 'return A|=0,e|=0,(A>>>0<(0|e))|0', /signed and an unsigned/],
    ['truth of a sum', 'return A|=0,e|=0,A+e?1:0', /truth/],
    ['a product of integers', 'return A|=0,e|=0,A*e|0', /product of two integers/],
    ['an unaligned element', 'return A|=0,n[A]|0', /place in bytes/],
    ['a property', 'return A.length|0', /element/],
    ['a string', 'return"x"', /literal/],
    ['an increment', 'return A|=0,A++,0|A', /UpdateExpression/],
    ['strict equality', 'return A|=0,e|=0,(0|A)===(0|e)|0', /===/],
    ['an exception', 'throw 1', /ThrowStatement/],
    ['let', 'let r=0;return 0|r', /let declaration/],
    ['int and float in one variable', 'var r=0;A|=0,r=A|0,r=+e;return~~r', /integer and a float/],
    ['too many arguments', 'return 0|T(1,2,3)', /arguments/],
    [
      'a wide switch',
      'switch(A|=0,0|A){case 0:return 1;case 9999:return 2}return 3',
      /switch over/,
    ],
  ])('%s', (_name, body, message) => {
    const source = frame({
      functions: `${helpers}function F(A,e){${body}}`,
      exports: ['F'],
      table,
    });
    expect(() => translate(source)).toThrow(TranslateError);
    expect(() => translate(source)).toThrow(message);
    expect(() => translate(source)).toThrow(/at offset \d+/);
  });

  test('a frame of another shape', () => {
    const good = frame({ functions: helpers, exports: ['T'], table });
    expect(() => translate(good)).not.toThrow();
    expect(() => translate(good.replace('new Error("abort")', 'new Error("other")'))).toThrow(
      /unknown FunctionDeclaration around the module/,
    );
    expect(() => translate(good.replace('emscripten_get_now', 'something_else'))).toThrow(
      /MemberExpression at the head of the module/,
    );
    expect(() => translate(good.replace('this.exports', 'this.other'))).toThrow(/found 0/);
  });
});
