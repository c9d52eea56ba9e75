/** peek and dump over files that were written here by hand: whole, damaged, torn. No bus is involved. */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dump } from '../../src/cli/dump.ts';
import { endOffset, listPartitions, ownerOf, readBatches, type Spoiled, startOffset } from '../../src/cli/folder.ts';
import { peek } from '../../src/cli/peek.ts';
import { runProgram } from '../../src/cli/program.ts';
import { encodeLogStart } from '../../src/log/kafka-checkpoints.ts';
import { encodeSnapshot } from '../../src/log/producer-snapshot.ts';
import { stampBatch } from '../../src/record/batch-layout.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { type CompressionName, compressions } from '../../src/record/compression.ts';
import { realDisk } from '../../src/world/disk.ts';
import { surroundings } from './fakes.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-cli-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const T0 = Date.UTC(2026, 0, 31, 9, 0);

/** A batch of records `value-<offset>`, keyed A, B, A …, a minute apart. */
function batch(baseOffset: number, count: number, compression: CompressionName = 'none'): Buffer {
  const writer = new BatchWriter({ bytesMax: 1 << 20, compression: compressions[compression] });
  for (let i = 0; i < count; i++) {
    const offset = baseOffset + i;
    const headers = offset % 5 === 0 ? [{ key: 'trace', value: Buffer.from(`t${offset}`) }] : null;
    writer.append(T0 + offset * 60_000, Buffer.from(offset % 2 === 0 ? 'A' : 'B'), Buffer.from(`{"n":${offset}}`), headers);
  }
  const bytes = Buffer.from(writer.seal({ producerId: 7, producerEpoch: 0, baseSequence: baseOffset }));
  stampBatch(bytes, 0, baseOffset, 3);
  return bytes;
}

function segment(name: string, base: number, ...batches: Buffer[]): string {
  mkdirSync(join(dir, name), { recursive: true });
  const path = join(dir, name, `${String(base).padStart(20, '0')}.log`);
  writeFileSync(path, Buffer.concat(batches));
  return path;
}

async function run(...argv: string[]) {
  const around = surroundings();
  const code = await runProgram(argv, [peek, dump], '', around);
  return {
    code,
    out: around.terminal.written(),
    lines: around.terminal.written().split('\n').slice(0, -1),
    said: around.terminal.said.join('\n'),
  };
}

const peeked = async (...argv: string[]) =>
  (await run('peek', 'orders', '--dir', dir, '--json', ...argv)).lines.map((line) => JSON.parse(line));
const offsets = (records: { partition: number; offset: number }[]) => records.map(({ partition, offset }) => `${partition}:${offset}`);

function spoiledBy(wanted = { fromOffset: 0 }): { offsets: number[]; spoiled: Spoiled[] } {
  const spoiled: Spoiled[] = [];
  const found = [...readBatches(realDisk, join(dir, 'orders-0'), wanted, (what) => spoiled.push(what))];
  return { offsets: found.map(({ baseOffset }) => baseOffset), spoiled };
}

describe('a folder read as files', () => {
  test('partitions, where they begin and end', () => {
    segment('orders-1', 0, batch(0, 3));
    segment('orders-0', 0, batch(0, 10));
    segment('orders-0', 10, batch(10, 10), batch(20, 5));
    segment('my-topic-2', 4);
    mkdirSync(join(dir, 'orders-3.abc-delete'));
    mkdirSync(join(dir, 'backup-2024'));
    writeFileSync(join(dir, 'orders-0', 'log-start-offset-checkpoint'), encodeLogStart('orders', 0, 12));
    expect(listPartitions(realDisk, dir).map(({ topic, partition }) => `${topic}/${partition}`)).toEqual([
      'my-topic/2',
      'orders/0',
      'orders/1',
    ]);
    expect([endOffset(realDisk, join(dir, 'orders-0')), endOffset(realDisk, join(dir, 'my-topic-2'))]).toEqual([25, 4]);
    expect([startOffset(realDisk, join(dir, 'orders-0')), startOffset(realDisk, join(dir, 'my-topic-2'))]).toEqual([12, 4]);
  });

  test('the end is found behind a lying index too', () => {
    const path = segment('orders-0', 0, batch(0, 10), batch(10, 10));
    for (const position of [batch(0, 10).length, 5, 1_000_000]) {
      const entry = Buffer.alloc(16);
      entry.writeInt32BE(19, 0);
      entry.writeInt32BE(position, 4);
      writeFileSync(path.replace('.log', '.index'), entry);
      expect(endOffset(realDisk, join(dir, 'orders-0'))).toBe(20);
    }
  });

  test('a flipped byte costs its batch, a torn tail ends the walk', () => {
    const first = batch(0, 10);
    const path = segment('orders-0', 0, first, batch(10, 10), batch(20, 10));
    const bytes = readFileSync(path);
    bytes[first.length + 100] ^= 1;
    writeFileSync(path, bytes);
    appendFileSync(path, batch(30, 10).subarray(0, 80));
    const { offsets, spoiled } = spoiledBy();
    expect(offsets).toEqual([0, 20]);
    expect(spoiled).toMatchObject([
      { position: first.length, what: 'the checksum does not match' },
      { length: 80, what: 'no whole batch: being written, or torn' },
    ]);
  });

  test('a damaged header: the walk finds its way again', () => {
    const first = batch(0, 10);
    const path = segment('orders-0', 0, first, batch(10, 10), batch(20, 10));
    const bytes = readFileSync(path);
    bytes.fill(0xee, first.length, first.length + 30);
    writeFileSync(path, bytes);
    const { offsets, spoiled } = spoiledBy();
    expect(offsets).toEqual([0, 20]);
    expect(spoiled).toMatchObject([{ position: first.length, length: batch(10, 10).length, what: 'no sound batch' }]);
  });

  test('batches larger than the window', () => {
    const writer = new BatchWriter({ bytesMax: 8 << 20, compression: compressions.none });
    writer.append(T0, null, Buffer.alloc(3 << 20, 'x'), null);
    segment('orders-0', 0, Buffer.from(writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 })), batch(1, 2));
    expect(spoiledBy()).toEqual({ offsets: [0, 1], spoiled: [] });
  });

  test('the owner, when it lives', () => {
    expect(ownerOf(realDisk, dir)).toBeNull();
    writeFileSync(join(dir, 'owner.pid'), `${process.pid}\n`);
    expect(ownerOf(realDisk, dir)).toBe(process.pid);
    writeFileSync(join(dir, 'owner.pid'), '999999999\n');
    expect(ownerOf(realDisk, dir)).toBeNull();
  });
});

describe('peek', () => {
  beforeEach(() => {
    segment('orders-0', 0, batch(0, 10), batch(10, 10, 'zstd'));
    segment('orders-0', 20, batch(20, 10, 'gzip'));
    segment('orders-1', 0, batch(0, 5));
  });

  test('shows the first twenty, a line each', async () => {
    const { code, lines, said } = await run('peek', 'orders', '--dir', dir);
    expect(code).toBe(0);
    expect(lines).toHaveLength(20);
    expect(lines[0]).toBe('0:0  2026-01-31T09:00:00.000Z  A  [trace=t0]  {"n":0}');
    expect(said).toBe('stopped after 20 records; --count or --all shows more');
  });

  test.each([
    [['--all'], 35],
    [['--partition', '1'], 5],
    [['--key', 'B', '--all'], 17],
    [['--value', '"n":2', '--all'], 12],
    [['--value-regex', '"n":(7|27)}'], 2],
    [['--header', 'trace', '--all'], 7],
    [['--header', 'trace=t25'], 1],
    [['--header', 'trace=t25', '--key', 'A'], 0],
    [['--from', '25', '--partition', '0'], 5],
    [['--from', '-3', '--all'], 6],
    [['--until', '3'], 6],
    [['--from', '2026-01-31T09:28', '--all'], 2],
    [['--until', '2026-01-31T09:02', '--all'], 4],
    [['--count', '1'], 1],
    [['--value', '3', '--value-as', 'json', '--partition', '1'], 1],
  ])('%j finds %i', async (argv, count) => {
    expect(await peeked(...argv)).toHaveLength(count);
  });

  test('finds the right ones, whole', async () => {
    expect(offsets(await peeked('--value-regex', '"n":(7|27)}'))).toEqual(['0:7', '0:27']);
    expect(await peeked('--from', '25', '--count', '1')).toEqual([
      {
        topic: 'orders',
        partition: 0,
        offset: 25,
        timestamp: '2026-01-31T09:25:00.000Z',
        key: 'B',
        value: '{"n":25}',
        headers: [{ key: 'trace', value: 't25' }],
      },
    ]);
  });

  test('changes nothing', async () => {
    const state = () => readdirSync(dir, { recursive: true }).map((name) => `${name} ${statSync(join(dir, String(name))).mtimeMs}`);
    const before = state();
    await peeked('--all');
    expect(state()).toEqual(before);
  });

  test('passes over damage and says so', async () => {
    const path = segment('orders-0', 0, batch(0, 10), batch(10, 10));
    const bytes = readFileSync(path);
    bytes[90] ^= 1;
    writeFileSync(path, bytes);
    const { lines, said, code } = await run('peek', 'orders', '--dir', dir, '--all', '--partition', '0');
    expect([lines.length, code]).toEqual([20, 0]);
    expect(said).toMatch(/00\.log: \d+ bytes at 0: the checksum does not match/);
  });

  test.each([
    [['peek', 'nothing'], 4, /topic "nothing" has no files/],
    [['peek', 'orders', '--partition', '7'], 4, /has no partition 7/],
    [['peek', 'orders', '--value-regex', '('], 2, /--value-regex: /],
    [['peek', 'orders', '--all', '--count', '3'], 2, /say different things/],
    [['peek', 'orders', '--json', '--format', 'hex'], 2, /--json is --format json/],
  ])('%j is refused', async (argv, code, message) => {
    const got = await run(...argv, '--dir', dir);
    expect(got.code).toBe(code);
    expect(got.said).toMatch(message);
  });

  test('a folder that is none', async () => {
    expect((await run('peek', 'orders', '--dir', join(dir, 'nowhere'))).code).toBe(4);
  });
});

describe('dump', () => {
  test('segments, with their records', async () => {
    const path = segment('orders-0', 0, batch(0, 2), batch(2, 1, 'snappy'));
    const { code, out } = await run('dump', path, '--records');
    expect(code).toBe(0);
    expect(out).toBe(
      [
        path,
        `  batch  position=0 bytes=${batch(0, 2).length} baseOffset=0 lastOffset=1 records=2 compression=none timestampType=CreateTime baseTimestamp=2026-01-31T09:00:00.000Z maxTimestamp=2026-01-31T09:01:00.000Z leaderEpoch=3 producerId=7 producerEpoch=0 baseSequence=0`,
        '    0:0  2026-01-31T09:00:00.000Z  A  [trace=t0]  {"n":0}',
        '    0:1  2026-01-31T09:01:00.000Z  B  {"n":1}',
        `  batch  position=${batch(0, 2).length} bytes=${batch(2, 1, 'snappy').length} baseOffset=2 lastOffset=2 records=1 compression=snappy timestampType=CreateTime baseTimestamp=2026-01-31T09:02:00.000Z maxTimestamp=2026-01-31T09:02:00.000Z leaderEpoch=3 producerId=7 producerEpoch=0 baseSequence=2`,
        '    0:2  2026-01-31T09:02:00.000Z  A  {"n":2}',
        '',
      ].join('\n'),
    );
  });

  test('all files of a folder, as JSON lines', async () => {
    const path = segment('orders-0', 100, batch(100, 2));
    const index = Buffer.alloc(8);
    index.writeInt32BE(1, 0);
    writeFileSync(path.replace('.log', '.index'), index);
    const time = Buffer.alloc(12);
    time.writeBigInt64BE(BigInt(T0), 0);
    time.writeInt32BE(1, 8);
    writeFileSync(path.replace('.log', '.timeindex'), time);
    const producer = { producerId: 7, producerEpoch: 0, lastSequence: 1, lastOffset: 101, offsetDelta: 1, timestampMs: T0 };
    const snapshot = encodeSnapshot([{ ...producer, coordinatorEpoch: -1, currentTxnFirstOffset: -1 }]);
    writeFileSync(path.replace('.log', '.snapshot'), snapshot);
    writeFileSync(join(dir, 'orders-0', 'leader-epoch-checkpoint'), '0\n1\n0 100\n');
    writeFileSync(join(dir, 'orders-0', 'notes.txt'), 'not ours');
    const { lines } = await run('dump', dir, '--json', '--records');
    const entries = lines.map((line) => JSON.parse(line));
    expect(entries.map(({ kind }) => kind)).toEqual([
      'offset-index',
      'batch',
      'record',
      'record',
      'producer',
      'time-index',
      'line',
      'line',
      'line',
    ]);
    expect(entries[0]).toMatchObject({ offset: 101, position: 0 });
    expect(entries[2]).toMatchObject({ file: path, topic: 'orders', partition: 0, offset: 100, key: 'A', value: '{"n":100}' });
    expect(entries[4]).toMatchObject({ producerId: 7, lastOffset: 101, timestamp: '2026-01-31T09:00:00.000Z' });
    expect(entries[5]).toMatchObject({ timestamp: '2026-01-31T09:00:00.000Z', offset: 101 });
  });

  test('damage is an entry, and the exit code', async () => {
    const path = segment('orders-0', 0, batch(0, 2));
    appendFileSync(path, 'not a batch');
    writeFileSync(path.replace('.log', '.snapshot'), 'x');
    const { code, lines } = await run('dump', join(dir, 'orders-0'), '--json');
    expect(code).toBe(3);
    expect(lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'damage')).toMatchObject([
      { position: batch(0, 2).length, length: 11 },
      { what: 'no sound producer snapshot' },
    ]);
  });

  test('nothing there', async () => {
    expect((await run('dump', join(dir, 'nowhere'))).code).toBe(4);
  });
});
