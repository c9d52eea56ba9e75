/** What was found on the disk when a log was opened is checked before a client on the wire gets it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { Bus } from '../../src/index.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { nextOffsetOf } from '../../src/record/batch-layout.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { makeDamagedLog } from '../damaged-log.ts';
import { WireClient } from './wire-client.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-wire-damage-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a damaged batch is never given out: it is told once, and who asks again gets what follows', async () => {
  await makeDamagedLog(dir);
  await using bus = await Bus.open({ dir, logLevel: 'silent' });
  const client = await WireClient.open(await bus.listen({ port: 0 }));
  const got: string[] = [];
  for (let offset = 0; offset < 10; ) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 20 }];
    const wanted = { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 't', topicId: ZERO_UUID, partitions }] };
    const { responses } = await client.ask(fetch, 4, { ...wanted, forgottenTopicsData: [] });
    const [{ errorCode, records }] = responses[0].partitions;
    if (errorCode !== 0) got.push(`error ${errorCode} at ${offset}`);
    if (records === null || records.length === 0) continue;
    const bytes = Buffer.from(records);
    for (const { value, offset: at } of readRecords(bytes, 0, bytes.length, offset)) {
      got.push(String(value));
      offset = at + 1;
    }
    expect(nextOffsetOf(bytes, 0)).toBeLessThanOrEqual(offset);
  }
  client.close();
  expect(got).toEqual(['v0', 'v1', 'v2', 'v3', `error ${errors.CORRUPT_MESSAGE.kafkaCode} at 4`, 'v5', 'v6', 'v7', 'v8', 'v9']);
});
