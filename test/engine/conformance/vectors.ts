import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../../src/engine/open.js';
import { ARCHES, guestOf } from './suite.js';

const WIDENING = ['bw', 'bd', 'bq', 'wd', 'wq', 'dq'].flatMap((pair) => [
  `pmovsx${pair}`,
  `pmovzx${pair}`,
]);
const HORIZONTAL = ['phaddw', 'phaddd', 'phaddsw', 'phsubw', 'phsubd', 'phsubsw'];
const PACKING = ['packsswb', 'packssdw', 'packuswb', 'packusdw'];
const MIXING = [
  'punpcklbw',
  'punpckhdq',
  'pshufb',
  'pmaddubsw',
  'pmulhrsw',
  'haddps',
  'hsubpd',
  'cvtps2pd',
  'cvtdq2pd',
  'cvtpd2ps',
];

const VALUE = 0x8001_7fff_1234_fedc_0080_ff7f_55aa_c3f0n;

export function vectors(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`vector instructions (${arch})`, () => {
      const guest = guestOf(kind, { arch });

      it.each([...WIDENING, ...HORIZONTAL, ...PACKING, ...MIXING])(
        '%s gives with one register what it gives with two',
        (name) => {
          const result = (source: string): bigint => {
            const g = guest();
            g.engine.writeRegister('xmm1', VALUE);
            g.engine.writeRegister('xmm2', VALUE);
            g.runCode(`${name} xmm1, ${source}; int 0x80`);
            return g.engine.readRegister('xmm1');
          };
          expect(result('xmm1')).toBe(result('xmm2'));
          expect(result('xmm1')).not.toBe(VALUE);
        },
      );
    });
  }
}
