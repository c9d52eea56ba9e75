/** Patterns: what RE2 takes, matched against whole names; compared with JavaScript's engine where both mean the same. */
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { parsePattern } from '../../src/coordinator/groups/pattern.ts';
import { seededRandom } from '../../src/world/random.ts';

const names = ['orders', 'orders-eu', 'orders-us.v2', 'ORDERS', 'a', 'aa', 'aaa', 'b', 'ab', 'ba', 'x_1', 'x-1', '', '-', '.', 'a.b'];
const matching = (pattern: string): string[] => names.filter((name) => parsePattern(pattern).test?.(name));

test.each([
  ['orders', ['orders']],
  ['orders-.*', ['orders-eu', 'orders-us.v2']],
  ['orders(-eu|-us\\.v2)?', ['orders', 'orders-eu', 'orders-us.v2']],
  ['^orders$', ['orders']],
  ['\\Aorders\\z', ['orders']],
  ['(?i)orders', ['orders', 'ORDERS']],
  ['(?i:ORD)ers', ['orders']],
  ['(?i)or(?-i:ders)', ['orders']],
  ['a{2}', ['aa']],
  ['a{2,}', ['aa', 'aaa']],
  ['a{0,1}', ['a', '']],
  ['(?:a|b)+?', ['a', 'aa', 'aaa', 'b', 'ab', 'ba']],
  ['(?P<first>a)b|(?<second>b)a', ['ab', 'ba']],
  ['[ab]', ['a', 'b']],
  ['[^ab]', ['-', '.']],
  ['[]a]', ['a']],
  ['[[:alpha:]]+', ['orders', 'ORDERS', 'a', 'aa', 'aaa', 'b', 'ab', 'ba']],
  ['[[:alpha:]._-]', ['a', 'b', '-', '.']],
  ['x[_-]\\d', ['x_1', 'x-1']],
  ['\\w+', ['orders', 'ORDERS', 'a', 'aa', 'aaa', 'b', 'ab', 'ba', 'x_1']],
  ['\\p{Lu}+', ['ORDERS']],
  ['\\PL', ['-', '.']],
  ['a\\.b', ['a.b']],
  ['\\Qa.b\\E', ['a.b']],
  ['a\\x2eb', ['a.b']],
  ['a\\x{2e}b', ['a.b']],
  ['orders\\b.+', ['orders-eu', 'orders-us.v2']],
  ['a\\Ba', ['aa']],
  ['|a', ['a', '']],
  ['a{,2}', []],
])('%s', (pattern, expected) => {
  expect(matching(pattern)).toEqual(expected);
});

test.each([
  '(',
  ')',
  'a)',
  '[a',
  '*',
  'a**',
  'a{2}{3}',
  '+',
  'a{3,2}',
  'a{1001}',
  '(?=a)',
  '(?!a)',
  '(?<=a)b',
  '(?<!a)b',
  '(a)\\1',
  '\\k<a>',
  '[b-a]',
  '[[:nope:]]',
  '\\',
  '\\y',
  '\\p{Nope}',
])('%s is refused', (pattern) => {
  expect(parsePattern(pattern).message).toContain('is no pattern of RE2');
});

test('patterns that take other engines for ever are answered at once', () => {
  const begun = performance.now();
  for (const pattern of ['(a+)+b', '(a|a)*b', '(a|aa)+b', '(.*.*.*.*.*.*)*b', '((a{1,30}){1,30})b']) {
    expect(parsePattern(pattern).test?.('a'.repeat(limits.topicNameMax))).toBe(false);
  }
  expect(performance.now() - begun).toBeLessThan(2000);
});

test('steps of a pattern', () => {
  const steps = limits.groupPatternStepsMax - 1;
  expect(parsePattern(`(a{1000})(a{${steps - 1000}})`).test?.('a'.repeat(steps))).toBe(true);
  expect(parsePattern(`(a{1000})(a{${steps - 999}})`).message).toContain('repeat less');
});

test('more patterns than are remembered', () => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 300; i++) expect(parsePattern(`t${i}`).test?.(`t${i}`)).toBe(true);
  }
});

describe('as JavaScript has it', () => {
  test('random patterns of what both know', () => {
    const random = seededRandom(5);
    const atoms = ['a', 'b', '.', '[ab]', '[^a]', '\\w', '\\.', '(a|b)', '(?:ab)', '(b|)', '^', '$', '\\b'];
    const repeats = ['', '', '', '*', '+', '?', '{2}', '{1,2}', '*?'];
    const subjects = Array.from({ length: 60 }, () => Array.from({ length: random.below(7) }, () => 'ab.-'[random.below(4)]).join(''));
    for (let i = 0; i < 600; i++) {
      const part = (): string => {
        const atom = atoms[random.below(atoms.length)];
        return atom.length === 1 && '^$'.includes(atom) ? atom : atom === '\\b' ? atom : atom + repeats[random.below(repeats.length)];
      };
      const pattern = Array.from({ length: 1 + random.below(5) }, () => part() + (random.below(6) === 0 ? '|' : '')).join('');
      const theirs = new RegExp(`^(?:${pattern})$`);
      const ours = parsePattern(pattern);
      for (const subject of subjects) expect(ours.test?.(subject), `/${pattern}/ on "${subject}"`).toBe(theirs.test(subject));
    }
  });
});
