/** Random expressions over a and b, as source text: what a person would not think of. */
import fc from 'fast-check';

const OPERATORS = ['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', '>>>', '<', '<=', '=='];

const { tree } = fc.letrec<{ tree: string; leaf: string; pair: string; choice: string }>((tie) => ({
  leaf: fc.oneof(fc.constantFrom('a', 'b'), fc.nat(300).map(String), fc.constant('2147483648')),
  pair: fc
    .tuple(tie('tree'), fc.constantFrom(...OPERATORS), tie('tree'))
    .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
  choice: fc
    .tuple(tie('tree'), tie('tree'), tie('tree'))
    .map(([test, yes, no]) => `(${test} ? ${yes} : ${no})`),
  tree: fc.oneof({ maxDepth: 5, withCrossShrink: true }, tie('leaf'), tie('pair'), tie('choice')),
}));

export const expressionText: fc.Arbitrary<string> = tree;
