/** docs/configuration.md says what the tables in the code say. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { topicConfigs } from '../../src/coordinator/configs.ts';
import { blocks, makePage, page } from './configuration.ts';

describe('the configuration reference', () => {
  test('is what the code says: after a change run `npm run docs`, read it and commit it', () => {
    const text = readFileSync(page, 'utf8');
    expect(makePage(text)).toBe(text);
  });

  test('names every topic configuration once', () => {
    const text = readFileSync(page, 'utf8');
    for (const key of Object.keys(topicConfigs)) expect(text.split(`| \`${key}\` |`).length - 1, key).toBeGreaterThanOrEqual(1);
  });

  test('notices a stale block, an unknown one, and one that is missing', () => {
    const whole = Object.keys(blocks).map((name) => `<!-- made from the code: ${name} -->\n<!-- end -->`);
    expect(makePage(whole.join('\n'))).not.toBe(whole.join('\n'));
    expect(makePage(makePage(whole.join('\n')))).toBe(makePage(whole.join('\n')));
    expect(() => makePage(whole.slice(1).join('\n'))).toThrow(/lacks the marks of: topic configurations/);
    expect(() => makePage('<!-- made from the code: nonsense -->\n<!-- end -->')).toThrow(/does not make/);
  });
});
