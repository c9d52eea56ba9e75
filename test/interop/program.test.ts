/**
 * The program against Apache Kafka: every verb that takes --bootstrap, and a mirror to it and from it, over SIGKILLs. Only in `npm run interop`;
 * the same on Spillway is in test/cli.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { Bus, connect, type RemoteBus, serdes } from '../../src/index.ts';
import { surroundings } from '../cli/fakes.ts';
import { type Running, start } from '../cli/spawn.ts';
import { isFull } from './brokers.ts';
import { freePort, javaSkipReason, type KafkaBroker, runJava, startKafkaBroker } from './java.ts';

let dir: string;
let kafka: KafkaBroker;
let remote: RemoteBus;

async function spillway(words: string, input: string | Buffer = '') {
  const around = { ...surroundings({ input }), environment: { SPILLWAY_BOOTSTRAP: kafka.bootstrap } };
  const code = await runProgram(words.split(' '), verbs, '1.2.3', around);
  return { code, out: around.terminal.written(), err: around.terminal.said.join('\n') };
}

async function done(words: string, input: string | Buffer = ''): Promise<string> {
  const { code, out, err } = await spillway(words, input);
  expect({ code, err }).toMatchObject({ code: 0 });
  return out;
}

type AnyBus = Pick<Bus, 'admin' | 'consumer'>;

/** Everything of a topic, as text, by partition and offset. */
async function all(bus: AnyBus, topic: string): Promise<string[]> {
  const found: string[] = [];
  const starts = await bus.admin().listOffsets(topic, 'earliest');
  for (const { partition, offset: end } of await bus.admin().listOffsets(topic, 'latest')) {
    if (end === (starts.find((one) => one.partition === partition)?.offset ?? 0)) continue;
    const consumer = await bus.consumer({ value: serdes.raw, autoOffsetReset: 'earliest' }).assign([{ topic, partition }]);
    for await (const { offset, timestamp, rawKey, rawValue, rawHeaders } of consumer) {
      const headers = rawHeaders.map(({ key, value }) => `${key}=${value}`).join();
      found.push(`${partition}:${offset} ${timestamp} ${rawKey} ${rawValue} ${headers}`);
      if (offset >= end - 1) break;
    }
    await consumer.close();
  }
  return found;
}

test.skipIf(!isFull)('a mirror whose target is killed and comes back waits for it, and copies each record once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-target-'));
  const port = await freePort();
  const serve = async (): Promise<Running> => {
    const one = start(['run', '--port', String(port), '--dir', 'data'], folder);
    await one.shows('listening on');
    return one;
  };
  let target = await serve();
  await using bus = await Bus.open({ hosts: 1, logLevel: 'silent' });
  const from = `127.0.0.1:${(await bus.listen({ port: 0 })).port}`;
  await bus.admin().createTopics([{ name: 'lives', partitions: 3 }]);
  const copier = start(['mirror', '--from', from, '--to', `127.0.0.1:${port}`], folder);
  await copier.shows('it follows until Ctrl-C');
  const producer = bus.producer<string, Uint8Array>({ value: serdes.raw });
  let sent = 0;
  for (let life = 0; life < 4; life++) {
    for (let i = 0; i < 100; i++) {
      await producer.send(
        'lives',
        Array.from({ length: 100 }, () => ({ value: Buffer.from(`v${sent}`), partition: sent++ % 3 })),
      );
      await sleep(2);
      if (i !== 30 + life * 15) continue;
      target.child.kill('SIGKILL');
      await target.ended;
      target = await serve();
    }
  }
  {
    await using there = await connect({ brokers: [`127.0.0.1:${port}`] });
    const arrived = async (): Promise<number> =>
      (await there.admin().listOffsets('lives', 'latest')).reduce((sum, { offset }) => sum + offset, 0);
    await vi.waitFor(async () => expect(await arrived()).toBe(sent), 60_000);
    expect(await all(there, 'lives')).toEqual(await all(bus, 'lives'));
  }
  copier.child.kill('SIGINT');
  expect((await copier.ended).code).toBe(0);
  target.child.kill('SIGTERM');
  await target.ended;
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!isFull || javaSkipReason !== null)('the program, on Apache Kafka', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'spillway-program-'));
    kafka = await startKafkaBroker({ settings: { 'group.initial.rebalance.delay.ms': '0' } });
    remote = await connect({ brokers: [kafka.bootstrap] });
  });
  afterAll(async () => {
    await remote?.close();
    await kafka?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  test('topics', async () => {
    expect(await done('topics create life --partitions 2 --config retention.ms=60000')).toBe('created life with 2 partitions\n');
    expect(JSON.parse(await done('topics list --json')).topics).toMatchObject([{ name: 'life', partitions: 2 }]);
    await done('topics alter life --set retention.bytes=1000000 --unset retention.ms --partitions 3');
    const [described] = JSON.parse(await done('topics describe life --json')).topics;
    expect(described.partitions).toHaveLength(3);
    const own = described.configs.filter(({ source }: { source: string }) => source === 'topic');
    expect(own.map(({ key, value }: { key: string; value: string }) => `${key}=${value}`)).toEqual(['retention.bytes=1000000']);
    expect(await done('topics delete life')).toBe('deleted life\n');
    expect(await spillway('topics describe life')).toMatchObject({ code: 4 });
    expect(await spillway('topics create x --config nonsense=1')).toMatchObject({ code: 1, err: expect.stringMatching(/nonsense/) });
  });

  test('records in and out: keys, headers, codecs, places, times, frames, a group, a search', async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      await done(`produce orders --key-separator = --header codec=${codec} --compression ${codec} --quiet`, `k=${codec}\n`);
    expect(await done('consume orders')).toBe('none\ngzip\nsnappy\nlz4\nzstd\n');
    expect(await done('consume orders --from 1 --until 3')).toBe('gzip\nsnappy\n');
    expect(await done('consume orders --from -1 --format key-value')).toBe('k\tzstd\n');
    expect(await done('consume orders --since 1h --until 0s --count 1')).toBe('none\n');
    expect(await done('consume orders --group g --count 2')).toBe('none\ngzip\n');
    expect(await done('consume orders --group g')).toBe('snappy\nlz4\nzstd\n');
    expect(await done('peek orders --header codec=lz4 --format value')).toBe('lz4\n');
    const frames = Buffer.from('0100610200626200ff'.slice(0, 14), 'hex');
    const form = '--format length-prefixed --length-bytes 2 --byte-order little';
    await done(`topics create feed --config retention.ms=-1`);
    await done(`produce feed ${form} --timestamp 2026-01-31 --quiet`, frames);
    expect(await done(`consume feed --day 2026-01-31 ${form}`)).toBe(frames.toString());
    expect(await done(`consume feed --day 2026-02-01 ${form}`)).toBe('');
  });

  test('groups, with their members', async () => {
    await done('produce watched --quiet', 'a\nb\nc\n');
    await done('groups reset team --to 1 --topic watched');
    expect(await done('groups explain team')).toMatch(/^watched-0 {2}unowned, lag 2: nobody reads it/);
    const reader = remote.consumer({ groupId: 'team', topics: 'watched', value: serdes.raw, clientId: 'reader-1', autoCommit: false });
    await reader.poll({ timeoutMs: 30_000 });
    expect(await done('groups describe team')).toMatch(/^team {2}\w+ .* 1 member, lag 2\n.*\nwatched +0 +1 +3 +2 +reader-1 /);
    expect(await done('groups explain team --for 1')).toMatch(
      /^watched-0 {2}stalled, lag 2: reader-1 on 127\.0\.0\.1 has it, is 2 records behind/,
    );
    await reader.close();
    expect(await done('groups list')).toMatch(/^team +Empty/m);
    expect(await done('groups delete team')).toBe('deleted team\n');
  });

  test('a mirror to it, killed again and again while records come, and groups that go on there', async () => {
    const words = ['mirror', '--from', '', '--to', kafka.bootstrap, '--topics', 'lives', '--compression', 'lz4'];
    await using bus = await Bus.open({ hosts: 1, logLevel: 'silent' });
    const { port } = await bus.listen({ port: 0 });
    words[2] = `127.0.0.1:${port}`;
    await bus.admin().createTopics([{ name: 'lives', partitions: 3, configs: { 'retention.ms': -1, durability: 'memory' } }]);
    const producer = bus.producer<string, Uint8Array>({ value: serdes.raw });
    let sent = 0;
    const send = (count: number) =>
      producer.send(
        'lives',
        Array.from({ length: count }, () => {
          const headers = [{ key: 'n', value: Buffer.from(String(sent)) }];
          return {
            key: `k${sent % 17}`,
            value: sent % 13 === 0 ? null : Buffer.from(`v${sent}`),
            timestamp: 1_760_000_000_000 + sent++,
            headers,
          };
        }),
      );
    for (let life = 0; life < 5; life++) {
      const running = start(words, dir);
      await running.shows('it follows until Ctrl-C');
      for (let i = 0; i < 60; i++) {
        await send(500);
        if (i === 10 + life * 10) running.child.kill('SIGKILL');
      }
      await running.ended;
    }
    await bus.admin().resetOffsets('moving', { to: 1234, topics: ['lives'] });
    const last = start([...words, '--once', '--json'], dir);
    const { code, out } = await last.ended;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ topics: 1, partitions: 3, behind: 0 });
    const copied = await all(remote, 'lives');
    expect(copied).toHaveLength(sent);
    expect(copied).toEqual(await all(bus, 'lives'));
    expect((await remote.admin().groupOffsets('moving')).map(({ offset }) => offset)).toEqual([1234, 1234, 1234]);
    // Kafka's own tool sees the same ends.
    const told = await runJava('org.apache.kafka.tools.GetOffsetShell', ['--bootstrap-server', kafka.bootstrap, '--topic', 'lives']);
    const ends = (await bus.admin().listOffsets('lives', 'latest')).map(({ partition, offset }) => `lives:${partition}:${offset}`);
    expect(told.trim().split('\n').sort()).toEqual(ends);
  });

  test('a mirror from it, with what it has of its own left away', async () => {
    await done('topics create away --partitions 2 --config retention.ms=-1 --config cleanup.policy=compact --config min.insync.replicas=1');
    await done('produce away --key-separator = --quiet --compression zstd', 'a=1\nb=2\na=3\n');
    await done('groups reset back --to 1 --topic away:0');
    await using bus = await Bus.open({ hosts: 1, logLevel: 'silent' });
    const { port } = await bus.listen({ port: 0 });
    const stop = start(['mirror', '--from', kafka.bootstrap, '--to', `127.0.0.1:${port}`, '--topics', 'away', '--json'], dir);
    await vi.waitFor(async () => expect(await all(bus, 'away')).toHaveLength(3), 30_000);
    await done('produce away --key-separator = --quiet', 'c=4\n');
    await vi.waitFor(async () => expect(await all(bus, 'away')).toHaveLength(4), 30_000);
    stop.child.kill('SIGTERM');
    expect(await stop.ended).toMatchObject({ code: 0, out: expect.stringContaining('"behind":0') });
    expect(await all(bus, 'away')).toEqual(await all(remote, 'away'));
    expect(await bus.admin().groupOffsets('back')).toMatchObject([{ topic: 'away', partition: 0, offset: 1 }]);
    expect((await bus.admin().listTopics()).map(({ name }) => name)).toEqual(['away']);
    const [{ entries }] = await bus.admin().describeConfigs(['away']);
    expect(
      entries
        .filter(({ source }) => source === 'topic')
        .map(({ key, value }) => `${key}=${value}`)
        .sort(),
    ).toEqual(['cleanup.policy=compact', 'retention.ms=-1']);
  });
});
