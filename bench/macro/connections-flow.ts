/** The load of the connections bench, in a process of its own: producers at their pace, and groups that each read some of the topics. */
import { produce } from '../../src/kafka/api/00-produce.ts';
import { metadata } from '../../src/kafka/api/03-metadata.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { WireClient } from '../../test/kafka/wire-client.ts';
import { makeValue } from '../records.ts';
import { setupOf, tell } from '../scenario.ts';
import { ReadingGroup } from './connections-group.ts';

export interface FlowSetup {
  port: number;
  topics: number;
  groups: number;
  producers: number;
  recordsPerSecond: number;
  /** Groups that read each topic, on average. */
  readersPerTopic: number;
  seconds: number;
  /** A topic's records are sent together, so often. */
  everyMs: number;
}

export interface Flowed {
  sentRate: number;
  takenRate: number;
  /** Of what was due within the time. */
  wantedOut: number;
  delayP50Ms: number;
  delayP99Ms: number;
  check: string;
}

const setup = setupOf<FlowSetup>();
const { port, topics, groups, producers, recordsPerSecond, readersPerTopic, seconds, everyMs } = setup;
const names = Array.from({ length: topics }, (_, i) => `topic-${i}`);
const perBatch = Math.max(1, Math.round((recordsPerSecond / topics) * (everyMs / 1000)));
const delays = new Uint32Array(60_000);

await makeTopics();
/** Topic t is read by the groups that follow g(t), as many as come out on average. */
const reads: string[][] = Array.from({ length: groups }, () => []);
let pairs = 0;
names.forEach((name, t) => {
  const readers = Math.floor((t + 1) * readersPerTopic) - Math.floor(t * readersPerTopic);
  for (let r = 0; r < Math.min(readers, groups); r++) reads[pairs++ % groups].push(name);
});
const all = reads.map((of, i) => new ReadingGroup(`group-${i}`, port, of, note));
let failure: unknown = null;
let joined = 0;
const running = all.map((group) =>
  group
    .run(() => joined++)
    .catch((error: unknown) => {
      failure ??= error;
    }),
);
await until(() => joined === groups);
const startMs = performance.now();
const sent = (await Promise.all(Array.from({ length: producers }, (_, i) => produceFrom(i)))).reduce((sum, of) => sum + of, 0);
const sentRate = sent / ((performance.now() - startMs) / 1000);
// Every topic got as many records; each pair of a group and a topic is to have all of them.
const wanted = (sent / topics) * pairs;
const taken = (): number => all.reduce((sum, { records }) => sum + records, 0);
await until(() => taken() >= wanted);
const takenRate = taken() / ((performance.now() - startMs) / 1000);
for (const group of all) group.end();
await Promise.all(running);
if (failure !== null) throw failure;
tell({
  sentRate,
  takenRate,
  wantedOut: (recordsPerSecond / topics) * pairs,
  delayP50Ms: delayAt(0.5),
  delayP99Ms: delayAt(0.99),
  check: `${taken() === wanted ? 'all' : `${taken()} of ${wanted}`} of ${sent} × ${Math.round((pairs / topics) * 100) / 100}`,
} satisfies Flowed);
process.exit(0);

async function makeTopics(): Promise<void> {
  const client = await WireClient.open({ port });
  const wanted = names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }));
  await client.ask(createTopics, 5, { topics: wanted });
  const asked = { allowAutoTopicCreation: false, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false };
  for (;;) {
    const told = await client.ask(metadata, 9, { ...asked, topics: names.map((name) => ({ name, topicId: ZERO_UUID })) });
    const isThere = told.topics.every(({ errorCode, partitions }) => errorCode === 0 && partitions.every(({ leaderId }) => leaderId >= 0));
    if (isThere) break;
    await new Promise((resume) => setTimeout(resume, 100));
  }
  client.close();
}

/** Sends its share of the topics when they are due; what falls behind is sent as fast as it is taken. */
async function produceFrom(index: number): Promise<number> {
  const client = await WireClient.open({ port });
  const mine = names.filter((_, t) => t % producers === index);
  const rounds = Math.ceil((seconds * 1000) / everyMs);
  const firstMs = performance.now() + 50 + (index * everyMs) / producers;
  const under = new Set<Promise<void>>();
  const value = makeValue(100);
  let stored = 0;
  for (let round = 0; round < rounds && failure === null; round++) {
    const waitMs = firstMs + round * everyMs - performance.now();
    if (waitMs > 0) await new Promise((resume) => setTimeout(resume, waitMs));
    const records = batchNow(value);
    const topicData = mine.map((name) => ({ name, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }));
    const one = client.ask(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }).then(({ responses }) => {
      for (const { partitionResponses } of responses) {
        if (partitionResponses[0].errorCode !== 0) failure ??= new Error(`produce was refused with ${partitionResponses[0].errorCode}`);
        else stored += perBatch;
      }
      under.delete(one);
    });
    under.add(one);
    // As Kafka's Java client: max.in.flight.requests.per.connection=5.
    if (under.size >= 5) await Promise.race(under);
  }
  await Promise.all(under);
  client.close();
  return stored;
}

function batchNow(value: Buffer): Buffer {
  const writer = new BatchWriter({ bytesMax: 200 * perBatch + 200, compression: 0 });
  const nowMs = Date.now();
  for (let i = 0; i < perBatch; i++) writer.append(nowMs, null, value, []);
  return Buffer.from(writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 }));
}

function note(delayMs: number, records: number): void {
  delays[Math.min(delays.length - 1, Math.max(0, delayMs))] += records;
}

function delayAt(share: number): number {
  const total = delays.reduce((sum, of) => sum + of, 0);
  let seen = 0;
  for (let ms = 0; ms < delays.length; ms++) {
    seen += delays[ms];
    if (seen >= share * total) return ms + 1;
  }
  return delays.length;
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 120_000;
  while (!isSo()) {
    if (failure !== null) throw failure;
    if (performance.now() > endMs) throw new Error(`two minutes are over: ${joined} groups have joined, ${taken()} records have come`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}
