import { describe, expect, test } from 'vitest';
import { type ErrorName, errors } from '../../src/base/errors.ts';
import type { CoordinatorAnswer, CoordinatorPost, TopicMetadata } from '../../src/coordinator/protocol.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { outboxMemory } from '../../src/dispatch/outbox.ts';
import { Reader, type ReaderOptions } from '../../src/dispatch/reader.ts';
import type { FetchPart, HostAnswer, HostAskOf, HostPost } from '../../src/partition/protocol.ts';
import { Arena } from '../../src/world/arena.ts';
import { realClock } from '../../src/world/clock.ts';
import type { ThreadMemory } from '../../src/world/memory.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { loopback, type Port } from '../../src/world/port.ts';
import { seededRandom } from '../../src/world/random.ts';

const options: ReaderOptions = {
  clientId: '',
  fetchBytesMax: 1000,
  partitionBytesMax: 1000,
  fetchBytesMin: 1,
  fetchWaitMs: 10,
  queuedBytesMax: 100,
};

/** A host that answers what the test says. */
class FakeHost {
  readonly fetches: HostAskOf<'fetch'>[] = [];
  readonly #port: Port<HostAnswer, HostPost>;

  constructor(port: Port<HostAnswer, HostPost>) {
    this.#port = port;
    const hear = (): void => {
      for (let post = port.take(); post !== undefined; post = port.take())
        for (const ask of post.asks) if (ask.verb === 'fetch') this.fetches.push(ask);
    };
    port.listen(hear, () => {});
  }

  /** Answers the oldest fetch with `length` bytes of a partition. */
  give({ slot, offset, length }: { slot: number; offset: number; length: number }): void {
    const part = { slot, error: 0, offset, nextOffset: offset + 1, highWatermark: 100, startOffset: 0, path: '', position: 0, length };
    this.#answer([part], new ArrayBuffer(length));
  }

  #answer(parts: FetchPart[], bytes: ArrayBuffer): void {
    const ask = this.fetches.shift();
    if (ask === undefined) throw new Error('nothing was fetched');
    this.#port.post({ replies: [{ verb: 'fetch', id: ask.id, error: 0, parts, bytes }], notices: [] });
  }
}

function makeTopic(topicId: string): TopicMetadata {
  const partitions = [0, 1].map((partition) => ({ partition, slot: partition, host: partition, leaderEpoch: 0 }));
  return { name: 'a', topicId, error: 0, partitions, durability: 'memory', batchBytesMax: 1000 };
}

/** What a reader tells of a partition that cannot go on: its number and the error. */
type Stops = [partition: number, error: number][];

function readerOfTwoHosts(
  stops: Stops = [],
  memory?: () => ThreadMemory,
): { reader: Reader; hosts: FakeHost[]; theirs: Port<CoordinatorAnswer, CoordinatorPost>; dispatcher: Dispatcher } {
  const [coordinator, theirs] = loopback<CoordinatorPost, CoordinatorAnswer>(realClock);
  const arena = Arena.create({ framesMax: 1, frameBytes: 1024, slotsMax: 4 });
  const outbox = outboxMemory(1024);
  const setup = {
    index: 0,
    clock: realClock,
    random: seededRandom(1),
    disk: new MemoryDisk(),
    arena,
    outbox,
    coordinator,
    ...(memory === undefined ? {} : { memory }),
  };
  const dispatcher = new Dispatcher(setup);
  const hosts = [0, 1].map((host) => {
    const [toHost, toDispatcher] = loopback<HostPost, HostAnswer>(realClock);
    dispatcher.hostUp(host, toHost);
    return new FakeHost(toDispatcher);
  });
  const stopped = (_: string, partition: number, error: number): void => void stops.push([partition, error]);
  const reader = new Reader(dispatcher, options, { ready: () => {}, stopped });
  const topic = makeTopic('the first');
  reader.follow(topic, 0, 0);
  reader.follow(topic, 1, 0);
  return { reader, hosts, theirs, dispatcher };
}

/** Until every post has arrived. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => realClock.soon(resolve));
}

describe('a reader whose queue is full of one host', () => {
  const freeing: [string, (reader: Reader) => void][] = [
    ['taken', (reader) => void reader.take()],
    ['dropped by a seek', (reader) => reader.seek('a', 0, 50)],
    ['dropped with its partition', (reader) => reader.unfollow('a', 0)],
    ['dropped by a pause', (reader) => reader.pause('a', 0)],
  ];
  test.each(freeing)('asks the other one again when that is %s', async (_, free) => {
    const { reader, hosts } = readerOfTwoHosts();
    await settle();
    hosts[0].give({ slot: 0, offset: 0, length: 200 });
    await settle();
    hosts[1].give({ slot: 1, offset: 0, length: 0 });
    await settle();
    expect(hosts[1].fetches).toHaveLength(0);
    free(reader);
    await settle();
    expect(hosts[1].fetches).toHaveLength(1);
    reader.close();
  });
});

test.each([
  ['is what it was', 'the first', []],
  [
    'was deleted and made anew',
    'the second',
    [
      [0, errors.UNKNOWN_TOPIC_OR_PARTITION.code],
      [1, errors.UNKNOWN_TOPIC_OR_PARTITION.code],
    ],
  ],
])('a reader of a topic that %s', async (_, topicId, expected) => {
  const stops: Stops = [];
  const { reader, theirs } = readerOfTwoHosts(stops);
  const answer = (): void => {
    for (const ask of theirs.take()?.asks ?? [])
      if (ask.verb === 'metadata')
        theirs.post({ replies: [{ verb: 'metadata', id: ask.id, error: 0, epoch: 2, topics: [makeTopic(topicId)] }], notices: [] });
  };
  theirs.listen(answer, () => {});
  theirs.post({ replies: [], notices: [{ notice: 'topics', epoch: 2, names: ['a'] }] });
  await settle();
  expect(stops).toEqual(expected);
  reader.close();
});

/** Answers each question for metadata with the next of these: an error, or where partition 0 lies. */
function answerMetadata(theirs: Port<CoordinatorAnswer, CoordinatorPost>, answers: (ErrorName | number)[]): void {
  const hear = (): void => {
    for (let post = theirs.take(); post !== undefined; post = theirs.take()) for (const ask of post.asks) answer(ask.verb, ask.id);
  };
  const answer = (verb: string, id: number): void => {
    const next = answers.shift();
    if (verb !== 'metadata' || next === undefined) return;
    const topic = makeTopic('the first');
    if (typeof next === 'number') topic.partitions[0].host = next;
    const error = typeof next === 'number' ? 0 : errors[next].code;
    // Of this topic alone.
    if (next === 'LEADER_NOT_AVAILABLE')
      return theirs.post({ replies: [{ verb, id, error: 0, epoch: 2, topics: [{ ...topic, error, partitions: [] }] }], notices: [] });
    theirs.post({ replies: [{ verb, id, error, epoch: 2, topics: error === 0 ? [topic] : [] }], notices: [] });
  };
  theirs.listen(hear, () => {});
}

const hostsAsked = (hosts: FakeHost[]): number[] => hosts.flatMap(({ fetches }, host) => fetches.flatMap((ask) => changesOf(ask, host)));

/** By partition: where its host was told to begin. */
function changesOf({ changes }: HostAskOf<'fetch'>, host: number): number[] {
  return changes !== null && changes[0] === 0 && changes[2] > 0 ? [host] : [];
}

describe('a reader of a partition that has moved', () => {
  test('asks where it is now until it is answered: nobody says so again', async () => {
    const { reader, hosts, theirs } = readerOfTwoHosts();
    const answers: (ErrorName | number)[] = [0, 'NETWORK_EXCEPTION', 'LEADER_NOT_AVAILABLE', 'REQUEST_TIMED_OUT', 1];
    answerMetadata(theirs, answers);
    await settle();
    expect(hostsAsked(hosts)).toEqual([0]);
    theirs.post({ replies: [], notices: [{ notice: 'topics', epoch: 3, names: ['a'] }] });
    await expect.poll(() => answers).toEqual([]);
    await settle();
    hosts[1].give({ slot: 1, offset: 0, length: 1 });
    await settle();
    expect(hostsAsked(hosts)).toEqual([0, 1]);
    reader.close();
  });

  test('and had moved already when it was taken up: what was known is forgotten by then', async () => {
    const { reader, hosts, theirs, dispatcher } = readerOfTwoHosts();
    answerMetadata(theirs, [1]);
    expect(dispatcher.topic('a')).toBeUndefined();
    await settle();
    hosts[1].give({ slot: 1, offset: 0, length: 1 });
    await expect.poll(() => hostsAsked(hosts)).toEqual([0, 1]);
    reader.close();
  });
});

describe('a reader in a thread whose heap is near its limit', () => {
  test('asks for less and keeps less ahead by itself, though nobody is there to be told; it reads on, and takes its fill again later', async () => {
    const heap = { heapBytes: 0, rssBytes: 0, heapUsedBytes: 90, heapLimitBytes: 100 };
    const { reader, hosts, dispatcher } = readerOfTwoHosts([], () => heap);
    const [host] = hosts;
    const asked = async (length: number): Promise<number[]> => {
      await settle();
      host.give({ slot: 0, offset: 0, length });
      await settle();
      return host.fetches.map(({ bytesMax }) => bytesMax);
    };
    await expect.poll(() => dispatcher.strain).toBe('near');
    // What was asked for before is answered; an eighth of the queue is full by it.
    expect(await asked(13)).toEqual([]);
    reader.take();
    await settle();
    expect(host.fetches.map(({ bytesMax }) => bytesMax)).toEqual([125]);
    expect(await asked(12)).toEqual([125]);
    heap.heapUsedBytes = 10;
    await expect.poll(() => dispatcher.strain).toBe('none');
    expect(await asked(50)).toEqual([1000]);
    reader.close();
    dispatcher.close();
  });
});
