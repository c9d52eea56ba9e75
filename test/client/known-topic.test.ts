/** Metadata that is older than what the coordinator has assigned, or than what a host carries, is asked for anew. */
import { expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { askPartition, loadTopicWith } from '../../src/client/ask.ts';
import type { TopicMetadata } from '../../src/coordinator/protocol.ts';
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import type { BusError } from '../../src/index.ts';
import { settlePromises, VirtualClock } from '../sim/virtual-clock.ts';

function metadata(partitions: number, topicId = 'a'): TopicMetadata {
  const rows = Array.from({ length: partitions }, (_, partition) => ({ partition, slot: partition, host: 0, leaderEpoch: 0 }));
  return { name: 'orders', topicId, error: 0, partitions: rows, durability: 'memory', batchBytesMax: 1 };
}

/** Knows the topic with as many partitions as `known`; whoever asks anew hears of `now`. */
function dispatcherOf(known: number, now: number, topicId = 'a') {
  let kept: TopicMetadata | undefined = metadata(known);
  let asked = 0;
  const dispatcher = {
    topic: () => kept,
    forgetTopic: () => {
      kept = undefined;
    },
    loadTopics: (_names: readonly string[], _autoCreate: boolean, done: (error: number, refusals: Map<string, number>) => void) => {
      asked++;
      kept = metadata(now, topicId);
      done(0, new Map());
    },
  };
  return { dispatcher: dispatcher as unknown as Dispatcher, asked: () => asked };
}

test('a partition that was added since is found', async () => {
  const { dispatcher, asked } = dispatcherOf(2, 4);
  expect((await loadTopicWith(dispatcher, 'orders', 3)).partitions).toHaveLength(4);
  expect(asked()).toBe(1);
});

test('what is known is not asked for', async () => {
  const { dispatcher, asked } = dispatcherOf(4, 4);
  expect((await loadTopicWith(dispatcher, 'orders', 3)).partitions).toHaveLength(4);
  expect(asked()).toBe(0);
});

test('a topic that was made anew with fewer is asked for once', async () => {
  const { dispatcher, asked } = dispatcherOf(2, 2);
  expect((await loadTopicWith(dispatcher, 'orders', 3)).partitions).toHaveLength(2);
  expect(asked()).toBe(1);
});

test('one that was made anew under the name of the one before is found by its id', async () => {
  const { dispatcher, asked } = dispatcherOf(2, 2, 'b');
  expect((await loadTopicWith(dispatcher, 'orders', 1, 'a')).topicId).toBe('a');
  expect(asked()).toBe(0);
  expect((await loadTopicWith(dispatcher, 'orders', 1, 'b')).topicId).toBe('b');
  expect(asked()).toBe(1);
  // It may be older than what is known: it is gone then, and who asked sees by the id that this is another one.
  expect((await loadTopicWith(dispatcher, 'orders', 1, 'a')).topicId).toBe('b');
  expect(asked()).toBe(2);
});

/** A host that carries another slot by now; metadata say so when they are asked for anew. */
function moving(now: TopicMetadata | undefined) {
  const clock = new VirtualClock();
  let kept: TopicMetadata | undefined = metadata(1);
  const slots: number[] = [];
  const dispatcher = {
    clock,
    topic: () => kept,
    forgetTopic: () => {},
    loadTopics: (_names: readonly string[], _autoCreate: boolean, done: (error: number, refusals: Map<string, number>) => void) =>
      done(0, new Map()),
    askHost: (_host: number, _verb: string, { slot }: { slot: number }, done: (error: number, reply: object | null) => void) => {
      slots.push(slot);
      kept = now;
      if (slot === 0) done(errors.NOT_LEADER_OR_FOLLOWER.code, null);
      else done(0, { offset: 5 });
    },
  };
  const asked = askPartition(dispatcher as unknown as Dispatcher, { topic: 'orders', topicId: 'a', partition: 0 }, 'listOffsets', {
    timestampMs: -2,
  });
  const settled = asked.then(
    ({ offset }) => offset,
    (error: BusError) => error.code,
  );
  return { clock, slots, settled };
}

test.each([
  ['that was deleted', undefined, 'UNKNOWN_TOPIC_OR_PARTITION', [0]],
  [
    'that was deleted and made anew',
    { ...metadata(2, 'b'), partitions: metadata(2).partitions.slice(1) },
    'UNKNOWN_TOPIC_OR_PARTITION',
    [0],
  ],
  ['whose partition is elsewhere now', { ...metadata(2), partitions: metadata(2).partitions.slice(1) }, 5, [0, 1]],
])('a host that does not carry the partition is not asked on for a topic %s', async (_what, now, outcome, asked) => {
  const { clock, slots, settled } = moving(now);
  await settlePromises();
  clock.step();
  expect(await settled).toBe(outcome);
  expect(slots).toEqual(asked);
});

test('one that changes in the very turn in which it is told is there all the same: who follows it is told of the change', async () => {
  const { dispatcher } = dispatcherOf(0, 2);
  dispatcher.forgetTopic('orders');
  const { loadTopics } = dispatcher;
  dispatcher.loadTopics = (names, autoCreate, done) => {
    loadTopics(names, autoCreate, done);
    // The notice behind the answer.
    dispatcher.forgetTopic('orders');
  };
  expect((await loadTopicWith(dispatcher, 'orders', 1)).partitions).toHaveLength(2);
});
