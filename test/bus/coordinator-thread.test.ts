/** The supervisor of the coordinator, with a stranger in its place that fails, dies and is refused as it is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { BusError } from '../../src/base/errors.ts';
import { CoordinatorThread } from '../../src/bus/coordinator-thread.ts';
import { Arena } from '../../src/world/arena.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-thread-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

interface Entry {
  successor: boolean;
  facts: number;
  threadId: number;
}

function supervise(lives: string) {
  const diary = join(folder, String(count++));
  writeFileSync(diary, '');
  const told: string[] = [];
  let lost: BusError | null = null;
  const start = {
    folder: null,
    arena: Arena.create({ framesMax: 4, frameBytes: 1024, slotsMax: 4 }).handle,
    hosts: 1,
    defaults: { lives, diary },
    memoryBytesMax: 1,
    rssBytesMax: Number.POSITIVE_INFINITY,
    logLevel: 'silent' as const,
  };
  const thread = new CoordinatorThread(new URL('./fake-coordinator.ts', import.meta.url).href, start, {
    hostReady: () => {},
    refused: ({ code }) => told.push(`refused ${code}`),
    succeeding: () => told.push('succeeding'),
    up: () => told.push('up'),
    down: (error, failures) => told.push(`down ${failures} ${error instanceof Error ? error.message : error}`),
    lost: (error) => {
      lost = error;
      told.push('lost');
    },
  });
  const entries = (): Entry[] =>
    readFileSync(diary, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Entry);
  return { thread, told, entries, lostError: () => lost };
}

test('one that fails is followed in its thread, and told what the one before had posted', async () => {
  const { thread, told, entries } = supervise('fails lives');
  await expect.poll(() => told, { timeout: 10_000 }).toEqual(['down 1 as told', 'succeeding', 'up']);
  const [first, second] = entries();
  expect([first, second]).toMatchObject([
    { successor: false, facts: 0 },
    { successor: true, facts: 2 },
  ]);
  expect(second.threadId).toBe(first.threadId);
  await thread.destroy(1000);
});

test('a thread that dies is replaced by another', async () => {
  const { thread, told, entries } = supervise('dies lives');
  await expect.poll(() => told.slice(1), { timeout: 10_000 }).toEqual(['succeeding', 'up']);
  expect(told[0]).toMatch(/^down 1 /);
  const [first, second] = entries();
  expect(second.threadId).not.toBe(first.threadId);
  await thread.destroy(1000);
});

test('one that fails again and again is given up, with the reason', async () => {
  const { thread, told, entries, lostError } = supervise('fails');
  await expect.poll(() => told.at(-1), { timeout: 10_000 }).toBe('lost');
  expect(told.filter((one) => one.startsWith('down'))).toEqual(Array.from({ length: 7 }, (_, i) => `down ${i + 1} as told`));
  expect(told.at(-1)).toBe('lost');
  expect(lostError()).toMatchObject({
    code: 'COORDINATOR_NOT_AVAILABLE',
    message: expect.stringContaining('failed 8 times in a row: as told'),
  });
  expect(entries()).toHaveLength(8);
  await thread.destroy(1000);
});

test('a successor whose folder is another process’s by now is not tried again', async () => {
  const { thread, told, lostError } = supervise('fails locked');
  await expect.poll(() => told.at(-1), { timeout: 10_000 }).toBe('lost');
  expect(told).toEqual(['down 1 as told', 'succeeding', 'lost']);
  expect(lostError()).toMatchObject({
    code: 'FOLDER_LOCKED',
    message: expect.stringContaining('lost its data folder: in use by process 4711'),
  });
  await thread.destroy(1000);
});

test('the first one that is refused is told so, and is not followed', async () => {
  const { thread, told } = supervise('locked');
  await thread.retire();
  expect(told[0]).toBe('refused FOLDER_LOCKED');
  expect(told.filter((one) => one === 'succeeding')).toEqual([]);
  await thread.destroy(1000);
});

test('one that fails when it has answered its close is not followed', async () => {
  const { thread, told, entries } = supervise('fails');
  await thread.retire();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(told).toEqual([]);
  expect(entries()).toHaveLength(1);
  await thread.destroy(1000);
});

test('one that failed before its close was known to be answered is not followed either', async () => {
  const { thread, told, entries } = supervise('fails');
  await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(3);
  await thread.retire();
  const lives = entries().length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(entries()).toHaveLength(lives);
  await thread.destroy(1000);
});

test('is destroyed while it waits to start another', async () => {
  const { thread, told, entries } = supervise('fails');
  await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(3);
  await thread.destroy(1000);
  const lives = entries().length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(entries()).toHaveLength(lives);
});
