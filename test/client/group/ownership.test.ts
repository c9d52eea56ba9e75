/** What a member takes up: the topic that it was assigned, and no namesake of it. */
import { expect, test } from 'vitest';
import { Ownership } from '../../../src/client/group/ownership.ts';
import type { AssignedPartitions } from '../../../src/client/group/steps.ts';
import type { Held } from '../../../src/client/intake.ts';
import type { TopicMetadata } from '../../../src/coordinator/protocol.ts';
import type { Dispatcher } from '../../../src/dispatch/dispatcher.ts';
import { ScriptedCoordinator } from './scripted.ts';

type Options = ConstructorParameters<typeof Ownership<string, string, string>>[0];

/** Takes up what is assigned where the topic "t" has the id "new"; resolves with what the user is told, and what is fetched. */
async function takeUp(assigned: AssignedPartitions): Promise<{ told: string[]; fetched: string[] }> {
  const coordinator = new ScriptedCoordinator();
  const rows = [0, 1].map((partition) => ({ partition, slot: partition, host: 0, leaderEpoch: 0 }));
  const topic: TopicMetadata = { name: 't', topicId: 'new', error: 0, partitions: rows, durability: 'memory', batchBytesMax: 1 };
  const dispatcher: Dispatcher = Object.assign(coordinator.dispatcher, {
    topic: () => topic,
    forgetTopic: () => {},
    loadTopics: (_names: readonly string[], _autoCreate: boolean, done: (error: number, refusals: Map<string, number>) => void) =>
      done(0, new Map()),
  });
  const told: string[] = [];
  const fetched: string[] = [];
  const intake = {
    add: (_declared: unknown, place: object, position: number) => ({ ...place, position }) as Held<string, string, string>,
    follow: ({ topicId, partition, position }: Held<string, string, string>) => fetched.push(`${topicId} ${partition} from ${position}`),
    fail: (error: Error) => told.push(error.message),
    wake: () => {},
  };
  const ownership = new Ownership<string, string, string>({
    dispatcher,
    intake,
    commits: {},
    groupId: 'g',
    callbacks: {
      onAssigned: (places: { topic: string; partition: number }[]) => told.push(...places.map((one) => `${one.topic}-${one.partition}`)),
      onRevoked: undefined,
      onLost: undefined,
    },
    autoCommit: false,
    boundMs: 1000,
    declaredOf: () => undefined,
    startOf: async () => 0,
  } as unknown as Options);
  let isDone = false;
  ownership.reconcile([], [assigned], () => {
    isDone = true;
  });
  await coordinator.answer({ offsets: [{ topic: 't', partition: 1, offset: 7, leaderEpoch: -1, metadata: '', error: 0 }] });
  expect(isDone).toBe(true);
  return { told, fetched };
}

test('the topic that has the id is taken up', async () => {
  expect(await takeUp({ topic: 't', topicId: 'new', partitions: [1] })).toEqual({ told: ['t-1'], fetched: ['new 1 from 7'] });
});

test('another that has got its name is not: the assignment will change', async () => {
  expect(await takeUp({ topic: 't', topicId: 'old', partitions: [1] })).toEqual({ told: [], fetched: [] });
});

test('where partitions are assigned by name, the one that has it now is meant', async () => {
  expect(await takeUp({ topic: 't', partitions: [1] })).toEqual({ told: ['t-1'], fetched: ['new 1 from 7'] });
});
