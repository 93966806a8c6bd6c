import { expect, test } from 'vitest';
import { call } from '../../src/vitest/index.js'; // in a project of your own: 'mayexec/vitest'

test('adds', () => expect(call('lea rax, [rdi+rsi]; ret', [1, 2])).toReturn(3));
