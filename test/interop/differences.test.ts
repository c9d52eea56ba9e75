import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { differing } from './answers/differing.ts';
import { differences } from './differences.ts';

test('every difference is met by a case', () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const cases = files.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n');
  const isMet = (name: string): boolean => Object.hasOwn(differing, name) || new RegExp(`\\bdiffers\\(\\s*'${name}'`).test(cases);
  expect(Object.keys(differences).filter((name) => !isMet(name))).toEqual([]);
});
