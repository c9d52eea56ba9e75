import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bus, BusError, serdes } from '../../src/index.ts';
import { makeDamagedLog } from '../damaged-log.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-damage-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Everything that polls give until nothing comes, with errors in their place. */
async function pollAll(onDamage: 'stop' | 'skip'): Promise<string[]> {
  await using bus = await Bus.open({ dir, logLevel: 'silent' });
  const consumer = bus.consumer({ value: serdes.string, autoOffsetReset: 'earliest', onDamage });
  await consumer.assign('t');
  const got: string[] = [];
  while (consumer.position('t', 0) < 10) {
    try {
      for (const record of await consumer.poll({ timeoutMs: 2000 })) got.push(String(record.value));
    } catch (error) {
      const { code, details } = error as BusError;
      got.push(`${code} ${details.offset} to ${details.nextOffset}`);
    }
  }
  return got;
}

test('a damaged batch is told in its place, once, and nothing else is lost', async () => {
  await makeDamagedLog(dir);
  const told = ['v0', 'v1', 'v2', 'v3', 'CORRUPT_MESSAGE 4 to 5', 'v5', 'v6', 'v7', 'v8', 'v9'];
  expect(await pollAll('stop')).toEqual(told);
  // The folder was opened again: the damage is remembered, and told again.
  expect(await pollAll('stop')).toEqual(told);
});

test('who asks for it is not told', async () => {
  await makeDamagedLog(dir);
  expect(await pollAll('skip')).toEqual(['v0', 'v1', 'v2', 'v3', 'v5', 'v6', 'v7', 'v8', 'v9']);
});

test('a for-await loop throws at the damage, and a new one goes on behind it', async () => {
  await makeDamagedLog(dir);
  await using bus = await Bus.open({ dir, logLevel: 'silent' });
  const consumer = bus.consumer({ value: serdes.string, autoOffsetReset: 'earliest' });
  await consumer.assign('t');
  const got: string[] = [];
  const read = async (): Promise<void> => {
    for await (const record of consumer) {
      got.push(String(record.value));
      if (record.offset === 9) return;
    }
  };
  await expect(read()).rejects.toBeInstanceOf(BusError);
  expect(got).toEqual(['v0', 'v1', 'v2', 'v3']);
  await read();
  expect(got.slice(4)).toEqual(['v5', 'v6', 'v7', 'v8', 'v9']);
});
