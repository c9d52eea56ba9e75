/** Coordinators that fail, in every state of the bus: another takes over, the hosts go on meanwhile, nothing that was told is lost. */

import diagnostics from 'node:diagnostics_channel';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test } from 'vitest';
import type { TurnStage } from '../../src/coordinator/protocol.ts';
import { Bus, type BusError, type BusOptions } from '../../src/index.ts';
import { runChild } from './run-child.ts';

const MiB = 1024 * 1024;
/** Racy ones are run so often: more by SPILLWAY_SEEDS. */
const ROUNDS = Number(process.env.SPILLWAY_SEEDS ?? 2);
const folders = mkdtempSync(join(tmpdir(), 'spillway-coordinator-'));
let count = 0;
afterAll(() => rmSync(folders, { recursive: true }));

const kinds = ['in memory', 'with a folder'] as const;
const newFolder = (): string => join(folders, String(count++));
const open = (kind: (typeof kinds)[number], options: BusOptions = {}): Promise<Bus> =>
  Bus.open({ memoryBytesMax: 32 * MiB, hosts: 2, logLevel: 'silent', ...(kind === 'in memory' ? {} : { dir: newFolder() }), ...options });
const CLEAN = { unfinished: [] };

interface CoordinatorEvent {
  state: 'up' | 'down' | 'lost';
  error?: string;
}

/** Fails the coordinator and waits for its successor. */
async function failAndFollow(bus: Bus): Promise<void> {
  const up = heard('up');
  bus.failCoordinator();
  await up.event;
}

/** Has it fail in the next turn that gets to this stage. What is asked after this is asked of a coordinator that knows. */
async function failAt(bus: Bus, stage: TurnStage): Promise<void> {
  bus.failCoordinator(stage);
  await bus.pressure();
}

function heard(state: CoordinatorEvent['state']): { event: Promise<CoordinatorEvent> } {
  return {
    event: new Promise((resolve) => {
      const hear = (event: unknown): void => {
        if ((event as CoordinatorEvent).state !== state) return;
        diagnostics.unsubscribe('spillway:coordinator', hear);
        resolve(event as CoordinatorEvent);
      };
      diagnostics.subscribe('spillway:coordinator', hear);
    }),
  };
}

describe.each(kinds)('%s, a coordinator that fails', (kind) => {
  test('while nothing happens is followed by one that knows topics, configs and ids', async () => {
    await using bus = await open(kind);
    const admin = bus.admin();
    await admin.createTopics([{ name: 'a', partitions: 3, configs: { 'retention.ms': 12_345 } }, { name: 'b' }]);
    await admin.deleteTopics(['b']);
    const [before] = await admin.describeTopics(['a']);
    for (let round = 0; round < ROUNDS; round++) {
      await failAndFollow(bus);
      expect(await admin.describeTopics(['a'])).toEqual([before]);
      const [{ entries }] = await admin.describeConfigs(['a']);
      expect(entries.find(({ key }) => key === 'retention.ms')).toMatchObject({ value: '12345', source: 'topic' });
      expect((await admin.listTopics()).map(({ name }) => name)).toEqual(['a']);
    }
    await admin.createPartitions('a', 4);
    await admin.alterConfigs('a', [{ key: 'retention.ms', op: 'set', value: 54_321 }]);
    await admin.createTopics([{ name: 'b' }]);
    expect((await admin.listTopics()).map(({ name, partitions }) => `${name} ${partitions}`)).toEqual(['a 4', 'b 1']);
    expect(await bus.close()).toEqual(CLEAN);
  });

  test.each(['decided', 'stored'] as const)('as topics are made (%s): each is there once or its maker was told', async (stage) => {
    await using bus = await open(kind);
    const admin = bus.admin();
    for (let round = 0; round < ROUNDS; round++) {
      const up = heard('up');
      await failAt(bus, stage);
      const made = await Promise.allSettled(['x', 'y'].map((name) => admin.createTopics([{ name: `${name}${round}`, partitions: 2 }])));
      await up.event;
      const names = new Set((await admin.listTopics()).map(({ name }) => name));
      made.forEach((one, i) => {
        const name = `${'xy'[i]}${round}`;
        if (one.status === 'fulfilled') expect(names).toContain(name);
        else {
          expect(one.reason).toMatchObject({ code: 'COORDINATOR_NOT_AVAILABLE', retriable: true });
          expect(one.reason.message).toMatch(/may have been carried out: look first/);
          expect(names.has(name)).toBe(stage === 'stored');
        }
      });
      // What is there can be used; what is not can be made.
      const producer = bus.producer();
      for (const name of ['x', 'y']) expect((await producer.send(`${name}${round}`, { partition: 0, value: 1 })).offset).toBe(0);
      await producer.close();
    }
    expect(await bus.close()).toEqual(CLEAN);
  });

  test('as records are sent and read: every one arrives once and in order, and most while there is no coordinator', async () => {
    await using bus = await open(kind);
    await bus.admin().createTopics([{ name: 't', partitions: 4 }]);
    const producer = bus.producer();
    const consumer = await bus.consumer<string, number>({ autoOffsetReset: 'earliest' }).assign('t');
    const seen: number[][] = [[], [], [], []];
    let total = 0;
    const reading = (async () => {
      for await (const { partition, value } of consumer) {
        seen[partition].push(value ?? -1);
        total++;
      }
    })();
    let sent = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const down = heard('down');
      const up = heard('up');
      bus.failCoordinator();
      await down.event;
      const before = sent;
      for (let i = 0; i < 40; i++) await producer.send('t', { partition: sent % 4, value: sent++ });
      await expect.poll(() => total, { timeout: 5000 }).toBe(sent);
      expect(sent - before).toBe(40);
      await up.event;
      // A topic that is made by the first record that it gets, and a new producer with an id of its own.
      const other = bus.producer();
      expect((await other.send(`auto${round}`, { value: 1 })).offset).toBe(0);
      await other.close();
    }
    expect(seen).toEqual([0, 1, 2, 3].map((partition) => Array.from({ length: sent / 4 }, (_, i) => 4 * i + partition)));
    expect(await bus.close()).toEqual(CLEAN);
    await reading;
  });

  test('of groups: members go on where they are, and what is committed is known to the next', async () => {
    await using bus = await open(kind);
    await bus.admin().createTopics([{ name: 't', partitions: 4 }]);
    const producer = bus.producer();
    const members = [1, 2].map(() => bus.consumer<string, number>({ groupId: 'g', topics: ['t'], autoOffsetReset: 'earliest' }));
    const seen: number[] = [];
    const reading = members.map(async (member) => {
      for await (const { value } of member) seen.push(value ?? -1);
    });
    let sent = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < 20; i++) await producer.send('t', { partition: sent % 4, value: sent++ });
      await expect.poll(() => seen.length, { timeout: 15_000 }).toBe(sent);
      await Promise.all(members.map((member) => member.commit()));
      await failAndFollow(bus);
    }
    for (let i = 0; i < 20; i++) await producer.send('t', { partition: sent % 4, value: sent++ });
    await expect.poll(() => seen.length, { timeout: 15_000 }).toBe(sent);
    expect([...seen].sort((x, y) => x - y)).toEqual(Array.from({ length: sent }, (_, i) => i));
    await Promise.all(members.map((member) => member.close()));
    await Promise.all(reading);
    expect(await bus.close()).toEqual(CLEAN);
  });

  test('as it closes: its successor is asked to', async () => {
    for (const stage of ['answered', 'closing'] as const) {
      const bus = await open(kind);
      await bus.producer().send('t', { value: 1 });
      await failAt(bus, stage);
      expect(await bus.close()).toEqual(CLEAN);
      expect(bus.closed).toBe(true);
    }
  });

  test('together with a host: both are replaced, and appends that were under way are acknowledged once', async () => {
    await using bus = await open(kind);
    await bus.admin().createTopics([{ name: 't', partitions: 2 }]);
    const producer = bus.producer({ retryBackoffMs: 5 });
    for (let round = 0; round < ROUNDS; round++) {
      const up = heard('up');
      const sending = Array.from({ length: 50 }, (_, i) => producer.send('t', { partition: i % 2, value: i }));
      bus.failCoordinator();
      await bus.hostThreads[round % 2].terminate();
      const offsets = (await Promise.all(sending)).map(({ offset }) => offset);
      for (const partition of [0, 1]) {
        expect(offsets.filter((_, i) => i % 2 === partition)).toEqual(Array.from({ length: 25 }, (_, i) => round * 25 + i));
      }
      await up.event;
    }
    expect(await bus.close()).toEqual(CLEAN);
  });
});

describe('what dispatchers know', () => {
  test('of topics is compared when another coordinator takes over: notices of the one before may never have left', async () => {
    await using bus = await open('in memory');
    const admin = bus.admin();
    await admin.createTopics([{ name: 't', partitions: 1 }]);
    const producer = bus.producer();
    await producer.send('t', { value: 1 });
    const up = heard('up');
    await failAt(bus, 'stored');
    // Stored, and told to nobody.
    await expect(admin.createPartitions('t', 2)).rejects.toMatchObject({ code: 'COORDINATOR_NOT_AVAILABLE' });
    await up.event;
    await expect.poll(async () => (await admin.listOffsets('t', 'latest')).length, { timeout: 5000 }).toBe(2);
    await expect
      .poll(() => producer.send('t', { partition: 1, value: 2 }).catch((error: BusError) => error.code))
      .toMatchObject({ offset: 0 });
  });

  test('in workers of the user’s: they are connected again, and wait meanwhile', async () => {
    await using bus = await open('with a folder');
    await bus.admin().createTopics([{ name: 't' }]);
    const handle = bus.handle();
    // A handle is good before and after: it is taken up when its coordinator has gone already.
    await failAndFollow(bus);
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: handle, transferList: [...handle.transferList] });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const told: unknown[] = [];
    worker.on('message', (message) => told.push(message));
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(['works']);
    for (let round = 0; round < ROUNDS; round++) await failAndFollow(bus);
    expect(await bus.close()).toEqual(CLEAN);
    expect(await exited).toBe(0);
    expect(told[1]).toMatchObject({ sending: 'CLOSED', reading: 'ended', closed: true });
  });
});

describe('the data folder', () => {
  test('is held all the while: nobody else may open it between two coordinators', async () => {
    const dir = newFolder();
    await using bus = await open('with a folder', { dir });
    await failAndFollow(bus);
    const down = heard('down');
    bus.failCoordinator();
    await down.event;
    await expect(Bus.open({ dir, logLevel: 'silent' })).rejects.toMatchObject({ code: 'FOLDER_LOCKED', details: { pid: process.pid } });
    const child = runChild('owns', dir);
    await expect(child.said('owned')).rejects.toThrow(/the child ended/);
    expect(await bus.close()).toEqual(CLEAN);
    expect(readdirSync(dir)).toContain('clean');
  });
});

describe('a coordinator that cannot be replaced', () => {
  test('closes the bus: it is told why, what could be saved is, loops do not end as if all were well', async () => {
    const dir = newFolder();
    const bus = await open('with a folder', { dir, configs: { 'log.durability': 'memory' } });
    await bus.admin().createTopics([{ name: 't' }]);
    const consumer = await bus.consumer<string, number>().assign('t');
    const read: unknown[] = [];
    const reading = (async () => {
      for await (const { value } of consumer) read.push(value);
      return 'ended';
    })().catch((error: BusError) => error.code);
    const handle = bus.handle();
    const entry = new URL('./waiting-worker.ts', import.meta.url);
    const worker = new Worker(entry, { workerData: handle, transferList: [...handle.transferList] });
    const failed = new Promise<BusError>((resolve) => worker.once('error', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    const receipt = await bus.producer().send('t', { value: 1 });
    expect(receipt).toMatchObject({ offset: 0, durability: 'memory' });
    for (let life = 1; life <= 8; life++) {
      const next = heard(life < 8 ? 'up' : 'lost');
      bus.failCoordinator();
      expect((await next.event).error ?? '').toMatch(life < 8 ? '' : /failed 8 times in a row: .*told to fail/);
    }
    expect(bus.closed).toBe(true);
    expect((await bus.close()).unfinished).toEqual([expect.stringMatching(/^the coordinator: .*failed 8 times/)]);
    expect(await reading).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(read).toEqual([1]);
    expect((await failed).message).toMatch(/failed 8 times in a row/);

    await using again = await Bus.open({ dir, logLevel: 'silent', hosts: 2 });
    expect(await again.admin().listOffsets('t', 'latest')).toMatchObject([{ offset: 1 }]);
  });
});
