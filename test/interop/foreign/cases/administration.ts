/** Topics, their configurations, partitions and records; groups and their offsets: made, shown, changed and deleted. */
import { expect } from 'vitest';
import { Refusal } from '../witness.ts';
import { ask, base64, eventually, makeTopic, type Trial, wordOf } from './trial.ts';

/** Kafka's numbers. */
const codes = {
  unknownTopic: 3,
  topicExists: 36,
  invalidPartitions: 37,
  invalidConfig: 40,
  invalidRecord: 87,
  groupNotFound: 69,
};

export async function administerTopics(trial: Trial): Promise<void> {
  const { client, witness } = trial;
  if (client.lacks.createTopic !== undefined) return await seeTopics(trial);
  const topic = `admin-${wordOf(trial)}`;
  await makeTopic(trial, topic, 2, { 'retention.ms': '3600000' });
  await expectRefusal(witness.ask('createTopic', { topic, partitions: 2 }), codes.topicExists);
  expect((await witness.ask('describeTopic', { topic })).partitions).toBe(2);
  expect((await witness.ask('listTopics', {})).topics).toContain(topic);

  const config = async (name: string) => (await witness.ask('describeConfigs', { topic })).configs[name];
  expect(await config('retention.ms')).toBe('3600000');
  expect(await config('cleanup.policy')).toBe('delete');
  await witness.ask('alterConfigs', { topic, configs: { 'retention.ms': '7200000', 'cleanup.policy': 'compact,delete' } });
  await eventually(async () => (await config('retention.ms')) === '7200000');
  expect(await config('cleanup.policy')).toBe('compact,delete');
  await expectRefusal(witness.ask('alterConfigs', { topic, configs: { 'retention.days': '1' } }), codes.invalidConfig);
  await expectRefusal(witness.ask('alterConfigs', { topic, configs: { 'retention.ms': 'soon' } }), codes.invalidConfig);
  expect(await config('retention.ms')).toBe('7200000');

  await witness.ask('addPartitions', { topic, partitions: 3 });
  await eventually(async () => (await witness.ask('describeTopic', { topic })).partitions === 3);
  await expectRefusal(witness.ask('addPartitions', { topic, partitions: 1 }), codes.invalidPartitions);

  // By now it is compacted.
  const keyless = [{ key: null, value: base64('lost'), headers: [] }];
  const refused = witness.ask('produce', { topic, codec: 'none', idempotent: true, records: keyless });
  await expectRefusal(refused, client.knowsInvalidRecord ? codes.invalidRecord : null);
  await fill(trial, topic, 2, 10);
  await witness.ask('deleteRecords', { topic, offsets: { 2: 4 } });
  const starts = await witness.ask('offsetsAt', { topic, timestamp: -2 });
  expect(starts.offsets).toEqual({ 0: 0, 1: 0, 2: 4 });
  const { records } = await witness.ask('read', { topic, from: { 2: 4 }, until: { 2: 10 } });
  expect(records.map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8, 9]);

  await witness.ask('deleteTopic', { topic });
  await eventually(async () => !(await witness.ask('listTopics', {})).topics.includes(topic));
  await expectRefusal(witness.ask('deleteTopic', { topic }), codes.unknownTopic);
  const { brokers } = await witness.ask('describeCluster', {});
  expect(brokers).toEqual([trial.broker.bootstrap]);
}

/** For those who only look. */
async function seeTopics(trial: Trial): Promise<void> {
  const { witness, director } = trial;
  const topic = `admin-${wordOf(trial)}`;
  await makeTopic(trial, topic, 3);
  expect((await witness.ask('describeTopic', { topic })).partitions).toBe(3);
  expect((await witness.ask('listTopics', {})).topics).toContain(topic);
  expect((await witness.ask('describeCluster', {})).brokers).toEqual([trial.broker.bootstrap]);
  await director.ask('deleteTopic', { topic });
  await eventually(async () => !(await witness.ask('listTopics', {})).topics.includes(topic));
}

export async function administerGroups(trial: Trial): Promise<void> {
  const { client, witness } = trial;
  const topic = `offsets-${wordOf(trial)}`;
  const group = `${topic}-readers`;
  const member = `${topic}-member`;
  const assignor = client.assignors[0];
  await makeTopic(trial, topic, 2);
  await fill(trial, topic, 0, 10);
  await fill(trial, topic, 1, 6);
  const committed = async () => (await witness.ask('groupOffsets', { group, topic })).offsets;

  // A group of offsets alone, as tools make it before the first member comes.
  await witness.ask('setGroupOffsets', { group, topic, offsets: { 0: 7, 1: 2 } });
  expect(await committed()).toEqual({ 0: 7, 1: 2 });
  expect((await witness.ask('listGroups', {})).groups).toContain(group);

  await witness.ask('join', { member, group, topics: [topic], assignor });
  const taken: string[] = [];
  await eventually(async () => {
    for (const one of (await witness.ask('poll', { member })).taken) taken.push(`${one.partition} ${one.offset}`);
    return taken.length >= 7;
  });
  expect(taken.sort()).toEqual(['0 7', '0 8', '0 9', '1 2', '1 3', '1 4', '1 5']);
  await witness.ask('leave', { member });
  await eventually(async () => (await witness.ask('describeGroup', { group, assignor })).state === 'Empty');
  expect(await committed()).toEqual({ 0: 10, 1: 6 });

  await witness.ask('setGroupOffsets', { group, topic, offsets: { 0: 3 } });
  expect(await committed()).toEqual({ 0: 3, 1: 6 });
  if (client.lacks.deleteGroupOffsets === undefined) {
    await witness.ask('deleteGroupOffsets', { group, topic, offsets: { 0: 3 } });
    expect(await committed()).toEqual({ 1: 6 });
  }
  if (client.lacks.deleteGroup === undefined) {
    await witness.ask('deleteGroup', { group });
    await expectRefusal(witness.ask('deleteGroup', { group }), codes.groupNotFound);
    expect((await witness.ask('listGroups', {})).groups).not.toContain(group);
  }
}

async function fill(trial: Trial, topic: string, partition: number, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({ key: base64(`${i}`), value: base64(`${i}`), headers: [], partition }));
  await ask(trial, 'produce', { topic, codec: 'none', idempotent: true, records });
}

async function expectRefusal(answer: Promise<unknown>, code: number | null): Promise<void> {
  const error = await answer.then(
    () => new Error(`it was not refused with ${code}`),
    (error: unknown) => error,
  );
  if (!(error instanceof Refusal)) throw error;
  expect(error.code, error.message).toBe(code);
}
