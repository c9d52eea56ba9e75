/**
 * `npm run mixed`: members of foreign clients in common groups, which come and go at random while foreign producers write. Fails when a
 * group has not read a record so long after it was acknowledged, or has not read everything in the end. The last line is JSON.
 *
 *   npm run mixed -- --minutes 5 --seed 7 --broker spillway
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../../../src/world/random.ts';
import { type BrokerKind, startBroker } from '../brokers.ts';
import { pause } from './cases/trial.ts';
import { foreignClients } from './clients.ts';
import { Fleet, type Members } from './fleet.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    broker: { type: 'string', default: 'spillway' },
    stall: { type: 'string', default: '30' },
  },
});
const seconds = Number(values.minutes) * 60;
const stallMs = Number(values.stall) * 1000;
const random = seededRandom(Number(values.seed));
const membersMax = 4;
const topic = 'mixed';

/**
 * What may join each group: clients that name their assignor alike share one. Not kcat: told to end, it drops a record that it has polled
 * and commits it all the same (25 ends under load lost 14 records with Spillway and 20 with Kafka).
 */
const groups: Readonly<Record<string, readonly Members[]>> = {
  range: ['spillway', 'franz-go', 'sarama', 'confluent-kafka', 'aiokafka'].map((client) => ({ client, assignor: 'range' as const })),
  cooperative: ['spillway', 'franz-go', 'sarama', 'confluent-kafka'].map((client) => ({ client, assignor: 'cooperative-sticky' as const })),
  consumer: ['spillway', 'franz-go', 'confluent-kafka', '@platformatic/kafka'].map((client) => ({ client, assignor: 'consumer' as const })),
  roundrobin: ['spillway', 'franz-go', 'sarama', 'confluent-kafka', 'aiokafka', '@platformatic/kafka'].map((client) => ({
    client,
    assignor: 'roundrobin' as const,
  })),
  kafkajs: [{ client: 'kafkajs', assignor: 'roundrobin' }],
};
/** Clients that tell where each record went. */
const producers = ['spillway', 'franz-go', 'sarama', 'confluent-kafka', 'aiokafka'];

const missing = foreignClients.filter(({ skip }) => skip !== null).map(({ name, skip }) => `${name}: ${skip}`);
if (missing.length > 0) throw new Error(`all clients are needed: ${missing.join(', ')}`);

const broker = await startBroker(values.broker as BrokerKind);
const fleet = new Fleet(broker.bootstrap, topic);
const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
let changes = 0;

/** Somebody comes, or goes; a group is never left empty. */
async function change(name: string): Promise<void> {
  const members = fleet.members(name);
  if (members.length === 0 || (members.length < membersMax && random.below(2) === 0)) await fleet.join(name, pick(groups[name]));
  else if (members.length > 1) await fleet.leave(name, random.below(members.length));
  changes++;
}

let failure: string | null = null;
const began = performance.now();
const isOver = () => failure !== null || performance.now() - began > seconds * 1000;

async function keepOn(what: string, work: () => Promise<void>): Promise<void> {
  try {
    while (!isOver()) await work();
  } catch (error) {
    failure ??= `${what}: ${error}`;
  }
}

try {
  await fleet.open([...new Set(Object.values(groups).flatMap((list) => list.map(({ client }) => client)))]);
  await fleet.witness('franz-go').ask('createTopic', { topic, partitions: 8 });
  for (const name of Object.keys(groups)) await change(name);
  await Promise.all([
    ...producers.map((client) =>
      keepOn(`${client} produces`, async () => {
        await fleet.send(client, 10);
        await pause(500);
      }),
    ),
    ...Object.keys(groups).map((name) =>
      keepOn(`${name} changes`, async () => {
        await change(name);
        await pause(1_000 + random.below(6_000));
      }),
    ),
    keepOn('members', async () => {
      await fleet.poll();
      const late = fleet.late(stallMs);
      if (late.length > 0) failure ??= `stands still: ${late.join('; ')}`;
      await pause(100);
    }),
  ]);
  if (failure === null) await fleet.untilRead(stallMs);
} catch (error) {
  failure ??= String(error);
}
const ranMs = Math.round(performance.now() - began);
const worstMs = fleet.slowestMs;
await fleet.close();
await broker.stop();
console.log(JSON.stringify({ broker: values.broker, seed: Number(values.seed), ranMs, changes, worstMs, ...fleet.report(), failure }));
process.exit(failure === null ? 0 : 1);
