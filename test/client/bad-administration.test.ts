/** Bad calls of administration and bad handles: refused in words, at the edge or by the coordinator, which survives all of them. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Admin, attach, Bus, type BusHandle, ReachedBus } from '../../src/index.ts';
import { type BadCall, expectRefusal, refusalOf } from './refusal.ts';

const wrong = (value: unknown): never => value as never;

let bus: Bus;
let admin: Admin;
beforeAll(async () => {
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, autoCreateTopics: false, logLevel: 'silent' });
  admin = bus.admin();
  await admin.createTopics([{ name: 't', partitions: 2 }]);
  await bus.producer().send('t', { partition: 0, value: 1 });
});
afterAll(() => bus.close());

describe('topics', () => {
  const create =
    (...topics: unknown[]) =>
    () =>
      admin.createTopics(wrong(topics));
  test.each<BadCall>([
    ['create no list', () => admin.createTopics(wrong('t')), 'INVALID_ARGUMENT', /createTopics takes is a list, not "t"/],
    ['create null', create(null), 'INVALID_ARGUMENT', /not null/],
    ['create without a name', create({}), 'INVALID_ARGUMENT', /name of a topic is a text, not undefined/],
    [
      'create with a mistyped field',
      create({ name: 'n', partitons: 3 }),
      'INVALID_ARGUMENT',
      /no option "partitons"; it has name, partitions/,
    ],
    ['create with another option', () => admin.createTopics([{ name: 'n' }], wrong({ validate: true })), 'INVALID_ARGUMENT', /"validate"/],
    ['create a name that cannot be', create({ name: 'a/b' }), 'INVALID_TOPIC_EXCEPTION', /letters, digits/],
    ['create what exists', create({ name: 't' }), 'TOPIC_ALREADY_EXISTS', /"t" exists already/],
    ['create twice at once', create({ name: 'n' }, { name: 'n' }), 'INVALID_REQUEST', /named more than once/],
    ['create no partitions', create({ name: 'n', partitions: 0 }), 'INVALID_PARTITIONS', /1 to 10000 partitions/],
    ['create too many', create({ name: 'n', partitions: 10_001 }), 'POLICY_VIOLATION', /not 10001/],
    [
      'create a function of partitions',
      create({ name: 'n', partitions: () => 1 }),
      'INVALID_ARGUMENT',
      /partitions is a number, not a function/,
    ],
    ['create replicas', create({ name: 'n', replicationFactor: 3 }), 'INVALID_REPLICATION_FACTOR', /replication factor of 1/],
    [
      'create with an unknown config',
      create({ name: 'n', configs: { 'retention.mss': 1 } }),
      'INVALID_CONFIG',
      /did you mean "retention\.ms"/,
    ],
    ['create with a config out of bounds', create({ name: 'n', configs: { 'retention.ms': -2 } }), 'INVALID_CONFIG', /between -1 and/],
    ['create with a config of no type', create({ name: 'n', configs: { 'retention.ms': null } }), 'INVALID_ARGUMENT', /is given null/],
    ['create with configs that are none', create({ name: 'n', configs: 'a=b' }), 'INVALID_ARGUMENT', /configs is an object/],
    [
      'create durable on a bus without a folder',
      create({ name: 'n', configs: { durability: 'synced' } }),
      'INVALID_CONFIG',
      /open the bus with a folder/,
    ],
    ['delete one by its name alone', () => admin.deleteTopics(wrong('t')), 'INVALID_ARGUMENT', /deleteTopics takes is a list, not "t"/],
    ['delete what does not exist', () => admin.deleteTopics(['unknown']), 'UNKNOWN_TOPIC_OR_PARTITION', /no topic "unknown"/],
    ['delete a number', () => admin.deleteTopics(wrong([5])), 'INVALID_ARGUMENT', /is a text, not 5/],
    ['describe what does not exist', () => admin.describeTopics(['unknown']), 'UNKNOWN_TOPIC_OR_PARTITION', /"unknown" does not exist/],
    ['describe nothing', () => admin.describeTopics(wrong(null)), 'INVALID_ARGUMENT', /is a list, not null/],
    ['fewer partitions', () => admin.createPartitions('t', 1), 'INVALID_PARTITIONS', /can only get more: ask for 3 or above, not 1/],
    ['too many partitions', () => admin.createPartitions('t', 10_001), 'INVALID_PARTITIONS', /at most 10000/],
    ['partitions of nothing', () => admin.createPartitions('unknown', 3), 'UNKNOWN_TOPIC_OR_PARTITION', /no topic "unknown"/],
    ['partitions as text', () => admin.createPartitions('t', wrong('3')), 'INVALID_ARGUMENT', /is a number, not "3"/],
    ['sizes of what does not exist', () => admin.describeLogDirs(['unknown']), 'UNKNOWN_TOPIC_OR_PARTITION', /does not exist/],
  ])('%s', async (...row) => void (await expectRefusal(row)));
});

describe('configs', () => {
  const alter =
    (...ops: unknown[]) =>
    () =>
      admin.alterConfigs('t', wrong(ops));
  test.each<BadCall>([
    [
      'no list',
      () => admin.alterConfigs('t', wrong({ key: 'retention.ms' })),
      'INVALID_ARGUMENT',
      /alterConfigs takes is a list, not an object/,
    ],
    ['no change', alter(null), 'INVALID_ARGUMENT', /a change of a config takes an object/],
    ['an unknown key', alter({ key: 'retention', op: 'set', value: 1 }), 'INVALID_CONFIG', /"retention" is no topic configuration/],
    // This one took the coordinator's life.
    ['a key that is no text', alter({ key: 5, op: 'set', value: 1 }), 'INVALID_ARGUMENT', /key of a config is a text, not 5/],
    [
      'the name for the whole bus',
      alter({ key: 'log.retention.ms', op: 'set', value: 1 }),
      'INVALID_CONFIG',
      /on a topic use "retention\.ms"/,
    ],
    ['an unknown operation', alter({ key: 'retention.ms', op: 'put', value: 1 }), 'INVALID_ARGUMENT', /op is one of "set"/],
    ['appending to a number', alter({ key: 'retention.ms', op: 'append', value: 1 }), 'INVALID_CONFIG', /is no list: use set/],
    ['setting to nothing', alter({ key: 'retention.ms', op: 'set' }), 'INVALID_ARGUMENT', /is given undefined/],
    [
      'a value too long',
      alter({ key: 'retention.ms', op: 'set', value: '1'.repeat(40_000) }),
      'INVALID_CONFIG',
      /40000 characters; at most 32768/,
    ],
    [
      'twice the same',
      alter({ key: 'retention.ms', op: 'set', value: 1 }, { key: 'retention.ms', op: 'delete' }),
      'INVALID_CONFIG',
      /named twice/,
    ],
    ['of what does not exist', () => admin.alterConfigs('unknown', []), 'UNKNOWN_TOPIC_OR_PARTITION', /no topic "unknown"/],
    ['described of what does not exist', () => admin.describeConfigs(['unknown']), 'UNKNOWN_TOPIC_OR_PARTITION', /does not exist/],
  ])('%s', async (...row) => void (await expectRefusal(row)));
});

describe('offsets', () => {
  const list = (spec: unknown) => () => admin.listOffsets('t', wrong(spec));
  const remove = (before: unknown) => () => admin.deleteRecords('t', wrong(before));
  test.each<BadCall>([
    ['of no such kind', list('newest'), 'INVALID_ARGUMENT', /'earliest', 'latest', 'maxTimestamp' or by milliseconds, not "newest"/],
    ['of what every object has', list('toString'), 'INVALID_ARGUMENT', /not "toString"/],
    ['of a fraction', list(1.5), 'INVALID_ARGUMENT', /not 1\.5/],
    ['of a time before all time', list(-4), 'INVALID_ARGUMENT', /not -4/],
    ['of nothing', list(undefined), 'INVALID_ARGUMENT', /not undefined/],
    ['of a topic that does not exist', () => admin.listOffsets('unknown', 'latest'), 'UNKNOWN_TOPIC_OR_PARTITION', /does not exist/],
    ['of a topic that is none', () => admin.listOffsets(wrong(null), 'latest'), 'INVALID_ARGUMENT', /is a text, not null/],
    [
      'delete beyond the end',
      remove({ 0: 2 }),
      'OFFSET_OUT_OF_RANGE',
      /offset 2 of t-0 lies beyond its high watermark: .* -1 stands for it/,
    ],
    ['delete before no offset', remove({ 0: 'all' }), 'INVALID_ARGUMENT', /offset of partition 0 is a whole number from -1/],
    ['delete of no partition', remove({ 9: 0 }), 'UNKNOWN_TOPIC_OR_PARTITION', /partitions 0 to 1, not 9/],
    ['delete by another key', remove({ first: 0 }), 'INVALID_ARGUMENT', /by partition, not by "first"/],
    ['delete nothing', remove(null), 'INVALID_ARGUMENT', /is an object, not null/],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('one wrong partition among many: no record is deleted', async () => {
    await refusalOf(remove({ 0: 1, 9: 0 }));
    expect((await admin.listOffsets('t', 'earliest')).map(({ offset }) => offset)).toEqual([0, 0]);
  });
});

describe('handles', () => {
  const taking = (handle: unknown) => () => attach(wrong(handle));
  test.each<BadCall>([
    ['nothing', taking(null), 'INVALID_ARGUMENT', /takes what bus\.handle\(\) made/],
    ['an empty object', taking({}), 'INVALID_ARGUMENT', /with its transferList/],
    [
      'something like one',
      taking({ index: 1, control: {}, coordinator: {}, arena: {}, outbox: {} }),
      'INVALID_ARGUMENT',
      /bus\.handle\(\)/,
    ],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('one that was taken up serves the first and refuses the second', async () => {
    const handle = bus.handle();
    const attached = attach(handle);
    await expectRefusal(['', taking(handle), 'INVALID_ARGUMENT', /taken up or passed on before.*call bus\.handle\(\) for each worker/]);
    expect((await attached.producer().send('t', { partition: 1, value: 'attached' })).offset).toBe(0);
    expect(await attached.close()).toEqual({ unfinished: [] });
    await expectRefusal(['', () => attached.producer(), 'CLOSED', /the bus is closed/]);
  });

  test('one that was passed on is refused where it came from', async () => {
    const { port1, port2 } = new MessageChannel();
    const handle = bus.handle();
    port1.postMessage(handle, [...handle.transferList]);
    await expectRefusal(['', taking(handle), 'INVALID_ARGUMENT', /passed on before/]);
    const arrived = new Promise<BusHandle>((resolve) => port2.once('message', resolve));
    const attached = attach(await arrived);
    expect((await attached.admin().listTopics()).map(({ name }) => name)).toEqual(['t']);
    await attached.close();
    port1.close();
  });

  test('one whose worker died without a word is forgotten', async () => {
    for (let i = 0; i < 3; i++) {
      const handle = bus.handle();
      const worker = new Worker('', { eval: true, workerData: handle, transferList: [...handle.transferList] });
      await new Promise((resolve) => worker.once('exit', resolve));
    }
    expect((await admin.listTopics()).length).toBe(1);
  });

  test('one of a bus that was closed meanwhile', async () => {
    const own = await Bus.open({ memoryBytesMax: 16 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
    const early = own.handle();
    const late = own.handle();
    const attached = attach(early);
    await own.close();
    await expect.poll(() => attached.closed).toBe(true);
    await expectRefusal(['', () => attached.admin(), 'CLOSED', /closed/]);
    await attached.close();
    // Its ports are closed from other threads: whoever is quicker than that gets a bus that closes.
    const taken = await Promise.resolve()
      .then(() => attach(late))
      .catch((error: unknown) => error);
    if (taken instanceof ReachedBus) await expect.poll(() => taken.closed).toBe(true);
    else expect(taken).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(/or its bus is closed/) });
  });
});

test('the coordinator has survived it all', async () => {
  expect((await admin.listTopics()).map(({ name, partitions }) => [name, partitions])).toEqual([['t', 2]]);
  expect(await bus.close()).toEqual({ unfinished: [] });
});
