/** `spillway run` is ended by SIGTERM and started again in its folder, under foreign producers and groups: they go on by themselves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Running, start } from '../../cli/spawn.ts';
import { isFull } from '../brokers.ts';
import { pause } from './cases/trial.ts';
import { foreignClients } from './clients.ts';
import { Fleet, type Members } from './fleet.ts';

const RESTARTS = isFull ? 6 : 1;
const topic = 'restarts';
const folder = mkdtempSync(join(tmpdir(), 'spillway-restarts-'));

/** A group of two for each. */
const groups: readonly Members[] = [
  { client: 'franz-go', assignor: 'cooperative-sticky' },
  { client: 'franz-go', assignor: 'consumer' },
  { client: 'confluent-kafka', assignor: 'range' },
  { client: 'confluent-kafka', assignor: 'consumer' },
  ...(isFull
    ? ([
        { client: 'franz-go', assignor: 'range' },
        { client: 'confluent-kafka', assignor: 'cooperative-sticky' },
        { client: 'kcat', assignor: 'range' },
        { client: 'sarama', assignor: 'range' },
        { client: 'aiokafka', assignor: 'roundrobin' },
        { client: 'kafkajs', assignor: 'roundrobin' },
        { client: '@platformatic/kafka', assignor: 'roundrobin' },
        { client: '@platformatic/kafka', assignor: 'consumer' },
      ] as const)
    : []),
];
const names = [...new Set(groups.map(({ client }) => client))];
const reason = foreignClients.find(({ name, skip }) => names.includes(name) && skip !== null)?.skip ?? null;

let running: Running | null = null;

async function run(port: number): Promise<number> {
  const settings = ['group.initial.rebalance.delay.ms=0', 'log.durability=written', 'group.consumer.heartbeat.interval.ms=300'];
  const argv = ['run', '--json', '--port', `${port}`, '--dir', 'data', '--log-level', 'warn', ...settings.flatMap((one) => ['--set', one])];
  running = start(argv, folder);
  let out = '';
  running.child.stdout.on('data', (piece: Buffer) => {
    out += piece.toString();
  });
  await running.shows('"port"');
  return (JSON.parse(out) as { port: number }).port;
}

async function stop(): Promise<void> {
  if (running === null) return;
  const { child, ended } = running;
  running = null;
  child.kill('SIGTERM');
  const { code, err } = await ended;
  expect(code, err).toBe(0);
}

afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe.skipIf(reason !== null)(`restarts${reason === null ? '' : ` (${reason})`}`, () => {
  test(`producers and groups go on, ${RESTARTS} times`, { timeout: 600_000 }, async () => {
    const port = await run(0);
    const fleet = new Fleet(`127.0.0.1:${port}`, topic);
    await fleet.open(names);
    try {
      await fleet.witness('franz-go').ask('createTopic', { topic, partitions: 4 });
      for (const members of groups) {
        const name = `${members.client}-${members.assignor}`;
        await fleet.join(name, members);
        await fleet.join(name, members);
      }
      for (const client of ['franz-go', 'confluent-kafka']) await fleet.send(client, 40);
      await fleet.untilRead(30_000);

      for (let i = 0; i < RESTARTS; i++) {
        // Some of it before the end, some in between, some after.
        const sending = Array.from({ length: 6 }, async (_, piece) => {
          await pause(piece * 150);
          await Promise.all(['franz-go', 'confluent-kafka'].map((client) => fleet.send(client, 20)));
        });
        const sent = Promise.all(sending);
        await pause(300);
        await stop();
        await pause(300);
        await run(port);
        await sent;
        await fleet.untilRead(30_000);
      }
      // Idempotent producers: what was sent again is there once.
      const { offsets } = await fleet.witness('franz-go').ask('offsetsAt', { topic, timestamp: -1 });
      expect(Object.values(offsets).reduce((sum, end) => sum + end, 0)).toBe(fleet.report().written);
      expect(fleet.report().written).toBe(80 + RESTARTS * 6 * 40);
    } finally {
      if (isFull) console.log(JSON.stringify(fleet.report(), null, 1));
      await fleet.close();
    }
  });
});
