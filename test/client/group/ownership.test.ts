/** What a member takes up and gives up, and what its user is told of it: on a coordinator and a clock that the test holds. */
import { expect, test, vi } from 'vitest';
import { BusError } from '../../../src/base/errors.ts';
import { Ownership } from '../../../src/client/group/ownership.ts';
import type { AssignedPartitions } from '../../../src/client/group/steps.ts';
import type { Held } from '../../../src/client/intake.ts';
import type { TopicPartition } from '../../../src/client/places.ts';
import type { TopicMetadata } from '../../../src/coordinator/protocol.ts';
import { ScriptedCoordinator } from './scripted.ts';

type Own = Ownership<string, string, string>;
type One = Held<string, string, string>;

const places = (some: readonly TopicPartition[]): string => some.map(({ topic, partition }) => `${topic}-${partition}`).join(' ');

/** A member that reads the topic "t" of two partitions, whose id is "new". */
class Scene {
  readonly coordinator = new ScriptedCoordinator();
  /** What the user was told, and what is fetched, in order. */
  readonly log: string[] = [];
  readonly ownership: Own;
  topic: TopicMetadata | undefined;
  /** How often the topic was asked for. */
  lookedUp = 0;
  /** Ends the callback that the user is in. */
  endCallback: () => void = () => {};
  startOf: () => Promise<number | null> = async () => 0;
  readonly held = new Map<number, One>();

  constructor(slow: readonly string[] = []) {
    const rows = [0, 1].map((partition) => ({ partition, slot: partition, host: 0, leaderEpoch: 0 }));
    this.topic = { name: 't', topicId: 'new', error: 0, partitions: rows, durability: 'memory', batchBytesMax: 1 };
    const told = (what: string) => (some: TopicPartition[]) => {
      this.log.push(`${what} ${places(some)}`);
      if (!slow.includes(what)) return;
      return new Promise<void>((resolve) => {
        this.endCallback = resolve;
      });
    };
    this.ownership = new Ownership<string, string, string>({
      dispatcher: Object.assign(this.coordinator.dispatcher, {
        topic: () => this.topic,
        forgetTopic: () => {},
        loadTopics: (_names: readonly string[], _autoCreate: boolean, done: (error: number, refusals: Map<string, number>) => void) => {
          this.lookedUp++;
          done(0, new Map());
        },
      }),
      intake: this.#intake(),
      commits: {},
      groupId: 'g',
      callbacks: { onAssigned: told('assigned'), onRevoked: told('revoked'), onLost: told('lost') },
      autoCommit: false,
      boundMs: 1000,
      declaredOf: () => undefined,
      startOf: () => this.startOf(),
    } as unknown as ConstructorParameters<typeof Ownership<string, string, string>>[0]);
  }

  /** What a consumer holds, as far as ownership asks of it. */
  #intake(): object {
    const { held } = this;
    return {
      runner: null,
      all: () => [...held.values()],
      find: ({ partition }: TopicPartition) => held.get(partition),
      add: (_declared: unknown, place: TopicPartition, position: number) => {
        const one = { ...place, position, finished: -1, committed: -1 } as One;
        held.set(place.partition, one);
        return one;
      },
      remove: ({ partition }: TopicPartition) => held.delete(partition),
      follow: ({ topicId, partition, position }: One) => this.log.push(`fetches ${topicId} ${partition} from ${position}`),
      seek: (one: One, position: number) => {
        one.position = position;
        this.log.push(`seeks ${one.partition} to ${position}`);
      },
      shut: () => {},
      quiet: async () => {},
      fail: (error: Error) => this.log.push(error.message),
      wake: () => {},
    };
  }

  reconcile(revoke: readonly number[], assign: AssignedPartitions | null): void {
    const gone = revoke.length === 0 ? [] : [{ topic: 't', partitions: [...revoke] }];
    this.ownership.reconcile(gone, assign === null ? [] : [assign], () => this.log.push('done'));
  }

  /** The group stands at 7 in partition 1, and nowhere in 0. */
  answer(): Promise<void> {
    const offset = { topic: 't', partition: 1, offset: 7, leaderEpoch: -1, metadata: '', error: 0 };
    return this.coordinator.answer({ offsets: [offset] });
  }
}

test('the topic that has the id is taken up', async () => {
  const scene = new Scene();
  scene.reconcile([], { topic: 't', topicId: 'new', partitions: [1] });
  await scene.answer();
  expect(scene.log).toEqual(['assigned t-1', 'fetches new 1 from 7', 'done']);
});

test('another that has got its name is not: the assignment will change', async () => {
  const scene = new Scene();
  scene.reconcile([], { topic: 't', topicId: 'old', partitions: [1] });
  await scene.coordinator.pass(0);
  expect(scene.log).toEqual(['done']);
  // What has not been taken up is given up without a word, and not looked for any more.
  scene.reconcile([1], null);
  await scene.coordinator.pass(5000);
  expect([scene.log, scene.coordinator.asked]).toEqual([['done', 'done'], []]);
  expect(scene.lookedUp).toBeLessThan(5);
});

test('one that the broker has not heard of yet is taken up when it has', async () => {
  const scene = new Scene();
  const { topic } = scene;
  scene.topic = undefined;
  scene.reconcile([], { topic: 't', topicId: 'new', partitions: [1] });
  await scene.coordinator.pass(3000);
  expect(scene.log).toEqual(['done']);
  // Less and less often.
  expect(scene.lookedUp).toBeLessThan(10);
  scene.topic = topic;
  await scene.coordinator.pass(1000);
  await scene.answer();
  expect(scene.log).toEqual(['done', 'assigned t-1', 'fetches new 1 from 7']);
});

test('where partitions are assigned by name, the one that has it now is meant', async () => {
  const scene = new Scene();
  scene.reconcile([], { topic: 't', partitions: [1] });
  await scene.answer();
  expect(scene.log).toEqual(['assigned t-1', 'fetches new 1 from 7', 'done']);
});

test('a topic that is deleted while it is taken up holds nothing up, and is no error of the user', async () => {
  const scene = new Scene();
  scene.startOf = async () => {
    scene.topic = undefined;
    throw new BusError('UNKNOWN_TOPIC_OR_PARTITION', 'gone');
  };
  scene.reconcile([], { topic: 't', topicId: 'new', partitions: [0] });
  await scene.answer();
  expect(scene.log).toEqual(['assigned t-0', 'done']);
});

test('a partition whose host cannot say where it begins does not hold up the others; it is read when the host can', async () => {
  const scene = new Scene();
  let isOpen = false;
  scene.startOf = async () => {
    if (isOpen) return 3;
    throw new BusError('KAFKA_STORAGE_ERROR', 'the disk refuses');
  };
  scene.reconcile([], { topic: 't', partitions: [0, 1] });
  await scene.answer();
  await scene.coordinator.pass(500);
  expect(scene.log).toEqual(['assigned t-0 t-1', 'fetches new 0 from -1', 'fetches new 1 from 7', 'done']);
  isOpen = true;
  await scene.coordinator.pass(2000);
  expect(scene.log.slice(4)).toEqual(['seeks 0 to 3']);
});

test('… unless the user has sought, or lost it, before', async () => {
  for (const [what, instead] of Object.entries({
    sought: (one: One) => {
      one.position = 9;
    },
    lost: (_: One, ownership: Own) => ownership.lose(),
  })) {
    const scene = new Scene();
    let begin: (offset: number) => void = () => {};
    scene.startOf = () =>
      new Promise((resolve) => {
        begin = resolve;
      });
    scene.reconcile([], { topic: 't', partitions: [0] });
    await scene.answer();
    await scene.coordinator.pass(500);
    instead(scene.held.get(0) as One, scene.ownership);
    begin(3);
    await scene.coordinator.pass(10);
    expect([what, ...scene.log.slice(3)]).toEqual(what === 'lost' ? ['lost', 'lost t-0'] : ['sought']);
  }
});

test('what is lost before its turn to be told is told neither as assigned nor as lost', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const scene = new Scene(['revoked']);
  scene.reconcile([], { topic: 't', partitions: [0, 1] });
  await scene.answer();
  scene.reconcile([1], null);
  await scene.coordinator.pass(1000);
  scene.reconcile([], { topic: 't', partitions: [1] });
  await scene.answer();
  const before = ['assigned t-0 t-1', 'fetches new 0 from 0', 'fetches new 1 from 7', 'done', 'revoked t-1', 'done'];
  // The user is giving up what he had, long after his time is over.
  expect(scene.log).toEqual(before);
  scene.ownership.lose();
  scene.endCallback();
  await scene.coordinator.pass(0);
  expect(scene.log).toEqual([...before, 'lost t-0']);
  expect(warned.mock.calls.map(([warning]) => String(warning))).toEqual([
    expect.stringContaining('onRevoked has not ended within 1000 ms'),
  ]);
  warned.mockRestore();
});

test('who closes while it takes something up gives up what the user knows of, and waits for no answer', async () => {
  const scene = new Scene();
  scene.reconcile([], { topic: 't', partitions: [1] });
  await scene.answer();
  scene.reconcile([], { topic: 't', partitions: [0] });
  await scene.coordinator.pass(1);
  const startedMs = scene.coordinator.clock.monotonicMs();
  expect(await scene.ownership.release(10_000)).toEqual([]);
  expect(scene.coordinator.clock.monotonicMs()).toBe(startedMs);
  expect(scene.log).toEqual(['assigned t-1', 'fetches new 1 from 7', 'done', 'revoked t-1']);
});

test('what is taken up after a loss does not wait for an answer of the time before', async () => {
  const scene = new Scene();
  scene.reconcile([], { topic: 't', partitions: [0] });
  await scene.coordinator.pass(1);
  scene.ownership.lose();
  scene.coordinator.asked.length = 0;
  scene.reconcile([], { topic: 't', partitions: [1] });
  await scene.answer();
  expect(scene.log).toEqual(['assigned t-1', 'fetches new 1 from 7', 'done']);
});
