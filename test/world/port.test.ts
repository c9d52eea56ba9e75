import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { realClock } from '../../src/world/clock.ts';
import { loopback, type Port, threadPort } from '../../src/world/port.ts';

const kinds: [string, () => [Port<number, number>, Port<number, number>]][] = [
  [
    'thread',
    () => {
      const { port1, port2 } = new MessageChannel();
      return [threadPort<number, number>(port1), threadPort<number, number>(port2)];
    },
  ],
  ['loopback', () => loopback<number, number>(realClock)],
];

for (const [name, make] of kinds) {
  test(`${name}: messages come in order, and what was posted before the end comes before it`, async () => {
    const [left, right] = make();
    const got: number[] = [];
    const drain = (): void => {
      for (let message = right.take(); message !== undefined; message = right.take()) got.push(message);
    };
    const closed = new Promise<void>((resolve) => {
      right.listen(drain, () => {
        // A port that is asked within its own close event must answer that nothing is left, not crash the process.
        drain();
        resolve();
      });
    });
    right.ref(true);
    for (let i = 0; i < 1000; i++) left.post(i);
    left.close();
    left.post(1000);
    await closed;
    expect(got).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(right.take()).toBeUndefined();
  });
}

test('thread: a message that woke an actor with its hands full waits for the next turn', async () => {
  const { port1, port2 } = new MessageChannel();
  const left = threadPort<number, number>(port1);
  const right = threadPort<number, number>(port2);
  let wakes = 0;
  const closed = new Promise<void>((resolve) => right.listen(() => wakes++, resolve));
  right.ref(true);
  for (let i = 0; i < 10; i++) left.post(i);
  const got: number[] = [];
  // Nothing is taken while the events come.
  while (wakes < 10) await new Promise((resolve) => setImmediate(resolve));
  for (let message = right.take(); message !== undefined; message = right.take()) got.push(message);
  expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  left.close();
  await closed;
});
