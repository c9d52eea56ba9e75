/** docs/guarantees.md keeps its word (its examples are run by readme.test.ts): the options, errors, events and files that it names exist. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { consumerOptions } from '../../src/client/consumer-options.ts';
import { events } from '../../src/client/events.ts';
import { groupOptions } from '../../src/client/group/options.ts';
import { root } from '../house/sources.ts';

test('what it names exists', () => {
  const prose = readFileSync(join(root, 'docs', 'guarantees.md'), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const options = { ...consumerOptions, ...groupOptions };
  const named = [...prose.matchAll(/`(\w+)(?:: \w+)?`/g)].map(([, name]) => name);
  const ofOptions = named.filter((name) => /^(auto|commitSynced|rebalance|session|maxPoll|on[A-Z])/.test(name));
  expect(ofOptions.length).toBeGreaterThan(5);
  expect(ofOptions.filter((name) => !(name in options))).toEqual([]);
  const codes = named.filter((name) => /^[A-Z_]+$/.test(name));
  expect(codes).toEqual(['FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID']);
  expect(codes.filter((name) => !(name in errors))).toEqual([]);
  const ofEvents = [...prose.matchAll(/`spillway:(\w+)`/g)].map(([, name]) => name);
  expect(ofEvents).toEqual(['member', 'commitFailed']);
  expect(ofEvents.filter((name) => !(name in events))).toEqual([]);
  for (const [, path] of prose.matchAll(/\]\((?!https?:)([^)#]+)/g)) expect(existsSync(join(root, 'docs', path)), path).toBe(true);
});
