/** docs/differences.md says what the tests go by, and they go by cases that exist. */
import { expect, test } from 'vitest';
import { titles } from '../suites/bus.ts';
import { type Distance, differences, metAt, skippedAt } from '../suites/differences.ts';
import { differencesText, makeDifferencesPage } from './differences.ts';

test('the page is what the tables say: after a change run `npm run docs`, read it and commit it', () => {
  expect(differencesText()).toBe(makeDifferencesPage());
});

test('a case that is left out exists, and what is met over TCP is met at Kafka', () => {
  const distances: Distance[] = ['bus', 'tcp', 'kafka'];
  for (const distance of distances) expect(Object.keys(skippedAt(distance)).filter((title) => !titles.has(title))).toEqual([]);
  expect(metAt('bus')).toEqual([]);
  for (const { at } of Object.values(differences)) expect(at).toContain('kafka');
});
