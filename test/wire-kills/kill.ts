/**
 * Kills `spillway run` with SIGKILL, again and again on one folder and one port, while clients go on as if it was a broker that restarts. After each
 * restart their groups' offsets are asked for, and the next kill comes when every client has got on. At the end nothing that was acknowledged is lost,
 * doubled or reordered, and every group has been given everything.
 */
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bus, serdes } from '../../src/index.ts';
import { offsetFetch } from '../../src/kafka/api/09-offset-fetch.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { seededRandom } from '../../src/world/random.ts';
import { type Running as Broker, start } from '../cli/spawn.ts';
import { WireClient } from '../kafka/wire-client.ts';
import type { Clients } from './clients.ts';
import { Ledger } from './ledger.ts';

export interface KillReport {
  kills: number;
  acknowledged: number;
  given: number;
  commits: number;
  begins: number;
  /** From the kill until the broker listens again, and until every client's records are acknowledged again: the longest of all kills, and the middle one. */
  listensAgainMs: { median: number; max: number };
  acknowledgedAgainMs: { median: number; max: number };
  problems: string[];
}

export interface KillOptions {
  dir: string;
  port: number;
  kills: number;
  seed: number;
  clients: readonly Clients[];
  progress(report: KillReport): void;
}

const READY_MS = 60_000;
const GOES_ON_MS = 60_000;
const STOPS_MS = 120_000;
const TURN_MS = 10;
/** Of each client after each kill. */
const ACKS_MIN = 50;

export async function killUnderClients({ dir, port, kills, seed, clients, progress }: KillOptions): Promise<KillReport> {
  const random = seededRandom(seed);
  const ledger = new Ledger();
  const [listens, goesOn]: [number[], number[]] = [[], []];
  let broker = await startBroker(dir, port);
  await makeTopics(port, clients);
  const acks = clients.map(() => 0);
  const running = clients.map((one, i) =>
    one.start(`127.0.0.1:${port}`, (line) => {
      if (line.startsWith('ack ')) acks[i]++;
      ledger.tell(line);
    }),
  );
  const report = (done: number): KillReport => ({
    kills: done,
    ...ledger.counts,
    listensAgainMs: summary(listens),
    acknowledgedAgainMs: summary(goesOn),
    problems: ledger.problems,
  });
  let done = 0;
  try {
    await getOn(acks, [], ledger);
    for (; done < kills && ledger.problems.length === 0; done++) {
      await sleep(random.below(400));
      const before = [...acks];
      const killedMs = performance.now();
      broker.child.kill('SIGKILL');
      await broker.ended;
      broker = await startBroker(dir, port);
      listens.push(performance.now() - killedMs);
      await askCommitted(port, clients, ledger);
      await getOn(acks, before, ledger);
      goesOn.push(performance.now() - killedMs);
      progress(report(done + 1));
    }
    await Promise.all(running.map((one) => one.stop(STOPS_MS)));
    await askCommitted(port, clients, ledger);
  } finally {
    for (const one of running) one.kill();
    broker.child.kill('SIGTERM');
    await broker.ended;
  }
  for (const one of clients) ledger.checkRead(one.groups, one.topics);
  await readLogs(dir, clients, ledger);
  return report(done);
}

async function startBroker(dir: string, port: number): Promise<Broker> {
  const settings = ['group.initial.rebalance.delay.ms=0', 'group.consumer.heartbeat.interval.ms=300'];
  const args = ['run', '--dir', dir, '--port', String(port), '--memory', '64MiB', '--quiet', '--json'];
  const broker = start([...args, ...settings.flatMap((one) => ['--set', one])], join(dir, '..'));
  let shown = false;
  const shows = broker.shows(String(port)).then(() => {
    shown = true;
  });
  // Turns of our own are counted, not time: a machine that was stopped is no broker that does not start.
  for (let turns = 0; !shown; turns++) {
    if (turns === READY_MS / TURN_MS) throw new Error(`the broker does not listen after ${READY_MS} ms`);
    await Promise.race([shows, sleep(TURN_MS)]);
  }
  return broker;
}

async function makeTopics(port: number, clients: readonly Clients[]): Promise<void> {
  const client = await WireClient.open({ port });
  const topics = clients.flatMap((one) =>
    one.topics.map((name) => {
      const configs = [{ name: 'durability', value: name.endsWith('written') ? 'written' : 'synced' }];
      return { name, numPartitions: one.partitions, replicationFactor: 1, assignments: [], configs };
    }),
  );
  const made = await client.ask(createTopics, 5, { topics });
  for (const { name, errorCode } of made.topics) if (errorCode !== 0) throw new Error(`topic ${name} was refused: ${errorCode}`);
  client.close();
}

/** Waits until every client has had more acknowledged than before. */
async function getOn(acks: readonly number[], before: readonly number[], ledger: Ledger): Promise<void> {
  for (let turns = 0; acks.some((count, i) => count < (before[i] ?? 0) + ACKS_MIN) && ledger.problems.length === 0; turns++) {
    if (turns === GOES_ON_MS / TURN_MS)
      return void ledger.tell(`wrong clients did not go on within ${GOES_ON_MS} ms: ${before} and now ${acks}`);
    await sleep(TURN_MS);
  }
}

/** Holds what the broker says of groups against what it had acknowledged when it was asked. */
async function askCommitted(port: number, clients: readonly Clients[], ledger: Ledger): Promise<void> {
  const client = await WireClient.open({ port });
  for (const { groups, topics, partitions } of clients) {
    const wanted = topics.map((name) => ({ name, partitionIndexes: Array.from({ length: partitions }, (_, i) => i) }));
    for (const groupId of groups) {
      const acknowledged = ledger.committed(groupId);
      const answer = await client.ask(offsetFetch, 5, { groupId, topics: wanted, groups: [] });
      if (answer.errorCode !== 0) ledger.tell(`wrong the offsets of ${groupId} are refused: ${answer.errorCode}`);
      for (const { name, partitions: rows } of answer.topics) {
        for (const { partitionIndex, committedOffset } of rows)
          ledger.checkCommitted(groupId, `${name}-${partitionIndex}`, committedOffset, acknowledged);
      }
    }
  }
  client.close();
}

async function readLogs(dir: string, clients: readonly Clients[], ledger: Ledger): Promise<void> {
  await using bus = await Bus.open({ dir, memoryBytesMax: 32 * 1024 * 1024, logLevel: 'silent' });
  for (const topic of clients.flatMap(({ topics }) => topics)) {
    const ends = await bus.admin().listOffsets(topic, 'latest');
    for (const { partition, offset: end } of ends) {
      const values: string[] = [];
      const consumer = await bus.consumer({ value: serdes.string, autoOffsetReset: 'earliest' }).assign([{ topic, partition }]);
      while (consumer.position(topic, partition) < end) {
        for (const { offset, value } of await consumer.poll({ timeoutMs: 5000, recordsMax: 10_000 })) values[offset] = String(value);
      }
      await consumer.close();
      ledger.checkLog(`${topic}-${partition}`, values);
    }
  }
}

function summary(ms: readonly number[]): { median: number; max: number } {
  const sorted = [...ms].sort((a, b) => a - b);
  return { median: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0), max: Math.round(sorted.at(-1) ?? 0) };
}

/** A port that nobody has now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
