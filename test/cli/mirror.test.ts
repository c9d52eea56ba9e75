/** `spillway mirror` between a folder or a bus that listens and another: what is said, how it ends, and that SIGKILLs double nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Bus } from '../../src/bus.ts';
import { runProgram } from '../../src/cli/program.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { serdes } from '../../src/client/serde.ts';
import { surroundings } from './fakes.ts';
import { start } from './spawn.ts';

// Each test opens many buses, or starts processes: on a machine with much else to do that takes its time.
vi.setConfig({ testTimeout: 120_000 });

let dir: string;
let from: Bus;
let to: Bus;
let source: string;
let target: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-mirror-'));
  [from, to] = await Promise.all([1, 2].map(() => Bus.open({ hosts: 1, memoryBytesMax: 64 << 20, logLevel: 'silent' })));
  [source, target] = await Promise.all([from, to].map(async (bus) => `127.0.0.1:${(await bus.listen({ port: 0 })).port}`));
});
afterAll(async () => {
  await Promise.all([from, to].map((bus) => bus.close()));
  rmSync(dir, { recursive: true, force: true });
});

async function spillway(words: string) {
  const around = surroundings();
  const code = await runProgram(words.split(' '), verbs, '1.2.3', around);
  return { code, out: around.terminal.written(), err: around.terminal.said.join('\n') };
}

async function values(bus: Bus, topic: string): Promise<string[]> {
  const found: string[] = [];
  for (const { partition, offset: end } of await bus.admin().listOffsets(topic, 'latest')) {
    if (end === 0) continue;
    const consumer = await bus.consumer<string, Buffer>({ value: serdes.raw, autoOffsetReset: 'earliest' }).assign([{ topic, partition }]);
    for await (const { offset, value } of consumer) {
      found.push(`${partition}:${value}`);
      if (offset === end - 1) break;
    }
    await consumer.close();
  }
  return found;
}

test('a folder to brokers, once, with the offsets of its groups; other words', async () => {
  const folder = join(dir, 'data');
  {
    await using bus = await Bus.open({ dir: folder, logLevel: 'silent' });
    await bus
      .admin()
      .createTopics([{ name: 'a.b', partitions: 2, configs: { 'retention.ms': 5000000 } }, { name: 'axb' }, { name: 'other' }]);
    const records = Array.from({ length: 100 }, (_, i) => ({ value: Buffer.from(`v${i}`), partition: i % 2 }));
    await bus.producer<string, Uint8Array>({ value: serdes.raw }).send('a.b', records);
    await bus.admin().resetOffsets('team', { to: 7, topics: [{ topic: 'a.b', partition: 1 }] });
  }
  const { code, out } = await spillway(`mirror --from ${folder} --to ${target} --topics a.b,oth.* --once`);
  expect([code, out]).toEqual([0, 'mirrored 100 records, 290 B; 2 topics, 3 partitions, offsets of 1 groups; 0 behind\n']);
  expect((await to.admin().listTopics()).map(({ name, partitions }) => [name, partitions])).toEqual([
    ['a.b', 2],
    ['other', 1],
  ]);
  expect(await to.admin().groupOffsets('team')).toMatchObject([{ topic: 'a.b', partition: 1, offset: 7 }]);
  const again = await spillway(`mirror --dir ${folder} --to ${target} --topics a.b --once --json`);
  expect(JSON.parse(again.out)).toMatchObject({ records: 0, behind: 0 });
  for (const [words, wrong] of [
    ['mirror', /where to\?/],
    ['mirror --to nowhere', /did you mean "nowhere:9092"/],
    [`mirror --from ${target} --to ${target}`, /the same brokers/],
    [`mirror --from ${folder} --dir ${folder} --to ${target}`, /leave --dir and --bootstrap away/],
    [`mirror --from ${folder} --to ${target} --topics a,`, /--topics takes names/],
    [`mirror --from ${folder} --to ${target} --topics [`, /--topics: Invalid regular expression/],
  ] as const) {
    expect(await spillway(words)).toMatchObject({ code: 2, err: expect.stringMatching(wrong) });
  }
  expect(await spillway(`mirror --from ${join(dir, 'nowhere')} --to ${target}`)).toMatchObject({ code: 4 });
});

test('brokers to brokers, followed until Ctrl-C, over SIGKILLs: each record once, in order', async () => {
  await from.admin().createTopics([{ name: 'lives', partitions: 2 }]);
  const producer = from.producer<string, Uint8Array>({ value: serdes.raw });
  let sent = 0;
  const send = (count: number) =>
    producer.send(
      'lives',
      Array.from({ length: count }, () => ({ value: Buffer.from(String(sent)), partition: sent++ % 2 })),
    );
  const words = ['mirror', '--from', source, '--to', target, '--topics', 'lives'];
  const end = async (): Promise<number> =>
    (await to.admin().listTopics()).some(({ name }) => name === 'lives')
      ? (await to.admin().listOffsets('lives', 'latest')).reduce((sum, { offset }) => sum + offset, 0)
      : 0;
  for (let life = 0; life < 3; life++) {
    const running = start(words, dir);
    await running.shows('it follows until Ctrl-C');
    // Killed in the middle of it, each time a little later.
    for (let i = 0; i < 30; i++) {
      await send(300);
      if (i === 8 + life * 9) running.child.kill('SIGKILL');
    }
    await running.ended;
  }
  const last = start(words, dir);
  await last.shows('it follows until Ctrl-C');
  await send(10);
  await vi.waitFor(async () => expect(await end()).toBe(sent), 20_000);
  last.child.kill('SIGINT');
  const { code, out } = await last.ended;
  expect([code, out]).toEqual([0, expect.stringMatching(/^mirrored .* 0 behind\n$/)]);
  expect(await values(to, 'lives')).toEqual(await values(from, 'lives'));
  expect((await values(to, 'lives')).length).toBe(sent);
});
