/** Consumer groups of both protocols: who reads what, what is committed and where it goes on, what an administrator sees and may change. */
import { expect } from 'vitest';
import { type Consumer, type ConsumerOptions, serdes } from '../../../src/index.ts';
import type { Bench, Cases } from '../bus.ts';
import { codeOf, range, take } from './read.ts';

const text = { key: serdes.string, value: serdes.string };
// No broker tells a member that something waits: it hears by its heartbeats. Kafka has no shorter classic session than six seconds.
const lively = { ...text, autoOffsetReset: 'earliest', heartbeatIntervalMs: 100, sessionTimeoutMs: 10_000 } as const;
const patient = { timeout: 20_000, interval: 10 };

type Text = ConsumerOptions<string, string>;

/** Sends the numbers from `from` to `to` to the partitions in turn. */
async function fill({ bus }: Bench, topic: string, partitions: number, from: number, to: number): Promise<void> {
  await using producer = bus.producer(text);
  await producer.send(
    topic,
    range(from, to).map((i) => ({ partition: i % partitions, key: `${i}`, value: `${i}` })),
  );
}

/** A member that reads until it is closed, and writes down what came. */
function member({ bus }: Bench, options: Text) {
  const seen: number[] = [];
  const consumer = bus.consumer({ ...lively, ...options });
  const ended = (async () => {
    for await (const { value } of consumer) seen.push(Number(value));
  })().catch((error: unknown) => error);
  const close = async (): Promise<unknown> => {
    const report = await consumer.close();
    const failure = await ended;
    return failure ?? report;
  };
  return { consumer, seen, close, owned: () => ownedBy(consumer) };
}

function ownedBy<K, V, H>(consumer: Consumer<K, V, H>): string {
  return consumer
    .assignment()
    .map(({ partition }) => partition)
    .sort((a, b) => a - b)
    .join(' ');
}

const topicsOf = ({ consumer }: { consumer: Consumer<string, string> }): string[] =>
  consumer
    .assignment()
    .map(({ topic }) => topic)
    .sort();
const sorted = (...lists: number[][]): number[] => lists.flat().sort((a, b) => a - b);

/** A group that has read `count` records of one partition, and is empty again. */
async function hasRead(bench: Bench, topic: string, count: number): Promise<string> {
  const groupId = bench.name();
  const consumer = await bench.bus.consumer({ ...lively, groupId, autoCommit: false }).assign(topic);
  await take(consumer, count);
  await consumer.commit();
  await consumer.close();
  return groupId;
}

function ofProtocol(groupProtocol: 'consumer' | 'classic'): Cases {
  const of = `of the ${groupProtocol} protocol`;
  return {
    [`members ${of} share what there is, and each record comes to one of them`]: async (bench) => {
      const topic = await bench.topic(4);
      const options: Text = { groupId: bench.name(), topics: topic, groupProtocol };
      const a = member(bench, options);
      await expect.poll(a.owned, patient).toBe('0 1 2 3');
      const b = member(bench, options);
      await expect.poll(() => `${a.owned()} | ${b.owned()}`, patient).toMatch(/^\d \d \| \d \d$/);
      await fill(bench, topic, 4, 0, 40);
      await expect.poll(() => sorted(a.seen, b.seen), patient).toEqual(range(0, 40));
      expect(a.seen).toHaveLength(20);
      expect(await Promise.all([a.close(), b.close()])).toEqual([{ unfinished: [] }, { unfinished: [] }]);
    },

    [`a member ${of} that closes hands over what it had, at where it stopped`]: async (bench) => {
      const topic = await bench.topic(2);
      const options: Text = { groupId: bench.name(), topics: topic, groupProtocol };
      await fill(bench, topic, 2, 0, 10);
      const a = member(bench, options);
      await expect.poll(() => sorted(a.seen), patient).toEqual(range(0, 10));
      const b = member(bench, options);
      await expect.poll(() => `${a.owned()} | ${b.owned()}`, patient).toMatch(/^\d \| \d$/);
      await a.close();
      await expect.poll(b.owned, patient).toBe('0 1');
      await fill(bench, topic, 2, 10, 20);
      await expect.poll(() => sorted(b.seen), patient).toEqual(range(10, 20));
      await b.close();
    },

    [`a member ${of} with a name of its own comes back to what it had, and nobody else moves`]: async (bench) => {
      const topic = await bench.topic(2);
      const options: Text = {
        groupId: bench.name(),
        topics: topic,
        groupProtocol,
        ...(groupProtocol === 'classic' ? { assignor: 'range' } : {}),
      };
      const a = member(bench, { ...options, groupInstanceId: 'a' });
      const told: string[] = [];
      const b = member(bench, {
        ...options,
        groupInstanceId: 'b',
        onRevoked: () => void told.push('revoked'),
        onLost: () => void told.push('lost'),
      });
      await expect.poll(() => `${a.owned()} | ${b.owned()}`, patient).toMatch(/^\d \| \d$/);
      const before = a.owned();
      told.length = 0;
      await a.close();
      const again = member(bench, { ...options, groupInstanceId: 'a' });
      await expect.poll(again.owned, patient).toBe(before);
      expect(told).toEqual([]);
      await Promise.all([again.close(), b.close()]);
    },

    [`a group ${of} is listed and described with its members and its lag`]: async (bench) => {
      const topic = await bench.topic(2);
      const groupId = bench.name();
      await fill(bench, topic, 2, 0, 7);
      const consumer = bench.bus.consumer({ ...lively, groupId, topics: topic, groupProtocol, clientId: 'who', autoCommit: false });
      await expect.poll(() => consumer.poll({ timeoutMs: 100 }).then(() => ownedBy(consumer)), patient).toBe('0 1');
      await consumer.commit([{ topic, partition: 0, offset: 1 }]);
      const admin = bench.bus.admin();
      expect((await admin.listGroups()).find((group) => group.groupId === groupId)).toMatchObject({
        type: groupProtocol,
        protocolType: 'consumer',
      });
      await expect.poll(async () => (await admin.describeGroup(groupId)).state, patient).toBe('Stable');
      const group = await admin.describeGroup(groupId);
      expect(group).toMatchObject({ groupId, type: groupProtocol, protocolType: 'consumer' });
      expect(group.members).toMatchObject([{ clientId: 'who', subscribedTopics: [topic], assignment: [{ topic, partitions: [0, 1] }] }]);
      const [{ memberId }] = group.members;
      expect(consumer.groupMetadata()).toMatchObject({ groupId, memberId });
      expect(group.offsets).toEqual([
        { topic, partition: 0, committed: 1, highWatermark: 4, lag: 3, memberId },
        { topic, partition: 1, committed: -1, highWatermark: 3, lag: -1, memberId },
      ]);
      await consumer.close();
      await expect.poll(async () => (await admin.describeGroup(groupId)).state, patient).toBe('Empty');
    },

    [`what members ${of} read is not changed from outside`]: async (bench) => {
      const topic = await bench.topic();
      const groupId = bench.name();
      const a = member(bench, { groupId, topics: topic, groupProtocol });
      await expect.poll(a.owned, patient).toBe('0');
      const admin = bench.bus.admin();
      expect(await codeOf(admin.resetOffsets(groupId, { to: 'earliest', topics: [topic] }))).toBe('NON_EMPTY_GROUP');
      expect(await codeOf(admin.deleteGroups([groupId]))).toBe('NON_EMPTY_GROUP');
      expect(await codeOf(admin.deleteGroupOffsets(groupId, [{ topic, partition: 0 }]))).toBe('GROUP_SUBSCRIBED_TO_TOPIC');
      await a.close();
    },
  };
}

export const groupCases: Cases = {
  ...ofProtocol('consumer'),
  ...ofProtocol('classic'),

  'every assignor of Kafka’s gives each partition to one member': async (bench) => {
    const topic = await bench.topic(3);
    const choices = [
      ...(['uniform', 'range'] as const).map((assignor) => ({ groupProtocol: 'consumer', assignor }) as const),
      ...(['range', 'roundrobin', 'sticky', 'cooperative-sticky'] as const).map(
        (assignor) => ({ groupProtocol: 'classic', assignor }) as const,
      ),
    ];
    await Promise.all(
      choices.map(async (choice) => {
        const options: Text = { groupId: bench.name(), topics: topic, ...choice };
        const [a, b] = [member(bench, options), member(bench, options)];
        await expect
          .poll(
            () =>
              [...a.owned(), ...b.owned()]
                .filter((one) => one !== ' ')
                .sort()
                .join(),
            patient,
          )
          .toBe('0,1,2');
        await expect.poll(() => Math.abs(a.owned().length - b.owned().length), patient).toBe(2);
        await Promise.all([a.close(), b.close()]);
      }),
    );
  },

  'members of both protocols are in one group': async (bench) => {
    const topic = await bench.topic(2);
    const options: Text = { groupId: bench.name(), topics: topic };
    const a = member(bench, { ...options, groupProtocol: 'classic' });
    await expect.poll(a.owned, patient).toBe('0 1');
    const b = member(bench, { ...options, groupProtocol: 'consumer' });
    await expect.poll(() => `${a.owned()} | ${b.owned()}`, patient).toMatch(/^\d \| \d$/);
    await fill(bench, topic, 2, 0, 10);
    await expect.poll(() => sorted(a.seen, b.seen), patient).toEqual(range(0, 10));
    await Promise.all([a.close(), b.close()]);
  },

  'a pattern takes in what matches': async (bench) => {
    const name = bench.name();
    await bench.bus.admin().createTopics([{ name: `${name}-1` }, { name: `${name}-2` }, { name: `${name}-x` }]);
    const topics = new RegExp(`^${name}-\\d$`);
    // One after the other: a coordinator of Kafka's that has not heard of the topics when it looks for them looks ten seconds later again.
    for (const groupProtocol of ['classic', 'consumer'] as const) {
      const a = member(bench, { groupId: bench.name(), topics, groupProtocol });
      await expect.poll(() => topicsOf(a), patient).toEqual([`${name}-1`, `${name}-2`]);
      await a.close();
    }
  },

  'a pattern takes in topics that come later': async (bench) => {
    const name = bench.name();
    const a = member(bench, { groupId: bench.name(), topics: new RegExp(`^${name}-\\d$`), groupProtocol: 'consumer' });
    await expect
      .poll(async () => (await bench.bus.admin().describeGroup(a.consumer.groupMetadata().groupId)).members.length, patient)
      .toBe(1);
    await bench.bus.admin().createTopics([{ name: `${name}-1` }]);
    await expect.poll(() => topicsOf(a), patient).toEqual([`${name}-1`]);
    await a.close();
  },

  'partitions that are added are assigned': async (bench) => {
    const topic = await bench.topic(1);
    const members = (['consumer', 'classic'] as const).map((groupProtocol) =>
      member(bench, { groupId: bench.name(), topics: topic, groupProtocol }),
    );
    await expect.poll(() => members.map(({ owned }) => owned()), patient).toEqual(['0', '0']);
    await bench.bus.admin().createPartitions(topic, 2);
    await expect.poll(() => members.map(({ owned }) => owned()), patient).toEqual(['0 1', '0 1']);
    await Promise.all(members.map(({ close }) => close()));
  },

  'a consumer says what it waits for': async (bench) => {
    const topic = await bench.topic(1);
    await using consumer = bench.bus.consumer({ ...lively, groupId: bench.name(), topics: [topic] });
    expect(consumer.explain()).toEqual([
      expect.stringMatching(/^group ".*": the consumer is no member until it is read$|is no member until it is read/),
    ]);
    const lines = async () => {
      await consumer.poll({ timeoutMs: 20 });
      return consumer.explain();
    };
    const [membership, waits] = [
      /is in epoch \d+; (the coordinator is asked in|\w+ was asked) \d+ ms/,
      /-0 at 0: host \d+ was asked \d+ ms ago for what comes from offset 0 on$/,
    ];
    await expect.poll(lines, patient).toEqual([expect.stringMatching(membership), expect.stringMatching(waits)]);
    consumer.pause();
    expect(consumer.explain()[1]).toBe(`${topic}-0 at 0: it is paused`);
  },

  'what is committed by hand is where the next one goes on, and is told with its metadata': async (bench) => {
    const topic = await bench.topic(2);
    const groupId = bench.name();
    await fill(bench, topic, 2, 0, 10);
    const places = [0, 1].map((partition) => ({ topic, partition }));
    const first = await bench.bus.consumer({ ...lively, groupId, autoCommit: false }).assign(topic);
    expect(await first.committed(places)).toMatchObject([{ offset: null }, { offset: null }]);
    await first.commit([{ topic, partition: 0, offset: 3, metadata: 'half' }]);
    expect(await first.committed(places)).toMatchObject([{ offset: 3, metadata: 'half' }, { offset: null }]);
    await first.close();
    const second = await bench.bus.consumer({ ...lively, groupId, autoCommit: false }).assign(topic);
    const records = await take(second, 7);
    expect(records.filter(({ partition }) => partition === 0).map(({ offset }) => offset)).toEqual([3, 4]);
    expect(records.filter(({ partition }) => partition === 1).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
    await second.close();
    expect(await bench.bus.admin().groupOffsets(groupId)).toMatchObject([{ topic, partition: 0, offset: 3, metadata: 'half' }]);
  },

  'of a group that has committed nothing, autoOffsetReset says where it begins': async (bench) => {
    const topic = await bench.topic();
    await fill(bench, topic, 1, 0, 5);
    const late = member(bench, { groupId: bench.name(), topics: topic, autoOffsetReset: 'latest' });
    await expect.poll(late.owned, patient).toBe('0');
    const none = bench.bus.consumer({ ...lively, groupId: bench.name(), topics: topic, autoOffsetReset: 'none' });
    expect(await codeOf(none.poll({ timeoutMs: 10_000 }))).toBe('OFFSET_OUT_OF_RANGE');
    await expect.poll(() => late.consumer.position(topic, 0), patient).toBe(5);
    await fill(bench, topic, 1, 5, 6);
    await expect.poll(() => late.seen, patient).toEqual([5]);
    await Promise.all([late.close(), none.close()]);
  },

  'what is deleted below which a group stands is not made up for: it goes on where the log begins': async (bench) => {
    const topic = await bench.topic();
    await fill(bench, topic, 1, 0, 10);
    const groupId = await hasRead(bench, topic, 2);
    const admin = bench.bus.admin();
    await admin.deleteRecords(topic, { 0: 6 });
    expect((await admin.groupOffsets(groupId)).map(({ offset }) => offset)).toEqual([2]);
    const late = bench.bus.consumer({ ...lively, groupId, topics: topic, autoOffsetReset: 'latest' });
    expect((await take(late, 4)).map(({ offset }) => offset)).toEqual([6, 7, 8, 9]);
    await late.close();
  },

  'offsets of an empty group are moved by place, number and time': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer(text);
    await producer.send(
      topic,
      range(0, 10).map((i) => ({ value: `${i}`, timestamp: 1_000_000 + 1000 * i })),
    );
    const groupId = await hasRead(bench, topic, 4);
    const admin = bench.bus.admin();
    const reset = async (to: Parameters<typeof admin.resetOffsets>[1]['to']) => (await admin.resetOffsets(groupId, { to }))[0];
    expect(await admin.resetOffsets(groupId, { to: 'earliest', dryRun: true })).toEqual([{ topic, partition: 0, before: 4, after: 0 }]);
    expect(await reset({ shiftBy: -1 })).toMatchObject({ before: 4, after: 3 });
    expect(await reset('latest')).toMatchObject({ before: 3, after: 10 });
    expect(await reset({ fromEnd: 2 })).toMatchObject({ before: 10, after: 8 });
    expect(await reset({ timestamp: 1_004_500 })).toMatchObject({ after: 5 });
    expect(await reset(100)).toMatchObject({ after: 10 });
    expect(await reset('earliest')).toMatchObject({ after: 0 });
    expect((await admin.groupOffsets(groupId)).map(({ offset }) => offset)).toEqual([0]);
  },

  'offsets are exported, and imported for groups that are new': async (bench) => {
    const topic = await bench.topic();
    await fill(bench, topic, 1, 0, 5);
    const groupId = await hasRead(bench, topic, 3);
    const admin = bench.bus.admin();
    const document = await admin.exportOffsets([groupId]);
    const other = bench.name();
    const changes = await admin.importOffsets({ ...document, groups: [{ ...document.groups[0], groupId: other }] });
    expect(changes).toEqual([{ groupId: other, topic, partition: 0, before: -1, after: 3 }]);
    expect((await admin.groupOffsets(other)).map(({ offset }) => offset)).toEqual([3]);
  },

  'groups that are empty are listed, and deleted with what they committed': async (bench) => {
    const topic = await bench.topic();
    await fill(bench, topic, 1, 0, 5);
    const groupId = await hasRead(bench, topic, 3);
    const admin = bench.bus.admin();
    expect((await admin.listGroups({ states: ['Empty'] })).map((group) => group.groupId)).toContain(groupId);
    expect((await admin.listGroups({ states: ['Stable'] })).map((group) => group.groupId)).not.toContain(groupId);
    await admin.deleteGroupOffsets(groupId, [{ topic, partition: 0 }]);
    expect(await admin.groupOffsets(groupId)).toEqual([]);
    const again = await hasRead(bench, topic, 1);
    await admin.deleteGroups([again]);
    expect(await codeOf(admin.describeGroup(again))).toBe('GROUP_ID_NOT_FOUND');
    expect(await codeOf(admin.deleteGroups([again]))).toBe('GROUP_ID_NOT_FOUND');
    expect(await admin.groupOffsets(again)).toEqual([]);
  },

  'handlers are run for each record, what they refuse goes to the dead letters, and all of it is committed': async (bench) => {
    const [topic, dead] = [await bench.topic(2), await bench.topic()];
    const groupId = bench.name();
    await fill(bench, topic, 2, 0, 10);
    const handled: number[] = [];
    const consumer = bench.bus.consumer({ ...lively, groupId, topics: topic });
    const run = consumer.run({
      eachRecord: ({ value }) => {
        if (value === '3') throw new Error('three is not taken');
        handled.push(Number(value));
      },
      concurrency: 2,
      attempts: 2,
      backoffMs: 1,
      deadLetter: { topic: dead },
    });
    await expect.poll(() => sorted(handled), patient).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9]);
    await using reader = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(dead);
    const [letter] = await take(reader, 1);
    expect([letter.key, letter.value]).toEqual(['3', '3']);
    expect(await consumer.close()).toEqual({ unfinished: [] });
    await run;
    const offsets = await bench.bus.admin().groupOffsets(groupId);
    expect(offsets.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 5],
      [1, 5],
    ]);
  },
};
