import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Outbox, outboxMemory } from '../../src/dispatch/outbox.ts';

test('ranges never overlap, and all of the memory is free again in the end', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 5000 })), { maxLength: 300 }), (steps) => {
      const outbox = new Outbox(outboxMemory(64 * 1024));
      const taken: { position: number; length: number }[] = [];
      for (const [take, size] of steps) {
        if (take) {
          const position = outbox.take(size);
          if (position < 0) continue;
          for (const other of taken) expect(position + size <= other.position || other.position + other.length <= position).toBe(true);
          expect(position + size).toBeLessThanOrEqual(outbox.size);
          taken.push({ position, length: size });
        } else if (taken.length > 0) {
          const [given] = taken.splice(size % taken.length, 1);
          outbox.give(given.position, given.length);
        }
      }
      for (const { position, length } of taken) outbox.give(position, length);
      expect(outbox.used).toBe(0);
      expect(outbox.take(outbox.size)).toBe(0);
    }),
    { seed: 11, numRuns: 200 },
  );
});

test('a range that was given back twice is noticed', () => {
  const outbox = new Outbox(outboxMemory(4096));
  const position = outbox.take(100);
  outbox.give(position, 100);
  expect(() => outbox.give(position, 100)).toThrow('given back once');
});
