import { expect, test } from 'vitest';
import { Actor } from './actor.ts';
import { realWorld } from './real-world.ts';

test('a crash is told even if what ran took it for an error and went on', () => {
  const actor = new Actor('host', realWorld, { promises: false });
  const told: unknown[] = [];
  actor.onThrow = (error) => told.push(error);
  actor.crashAfter(1, 'thread');
  actor.run(() => {
    expect(() => actor.step()).toThrow('the thread was stopped');
  });
  expect(told.map(String)).toEqual(['Crash: the thread was stopped']);
  expect(actor.alive).toBe(false);
});
