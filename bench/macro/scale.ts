/**
 * What grows with the number of partitions, and with the bytes retained: making, appending, reading, opening (after a clean close and
 * after a kill) and resident memory. Each in a process of its own.
 */
import { spawnSync } from 'node:child_process';
import { GiB, MiB } from '../../src/base/bytes.ts';
import { type Bench, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import type { Partitioned, PartitionsSetup } from './scale-partitions.ts';
import type { Reopened, RetainedSetup } from './scale-retained.ts';

export async function main(bench: Bench): Promise<void> {
  await measurePartitions(bench);
  await measureRetained(bench);
}

async function measurePartitions(bench: Bench): Promise<void> {
  const module = new URL('./scale-partitions.ts', import.meta.url);
  const records = bench.pick(20_000, 1_000_000, 4_000_000);
  let first: Partitioned | null = null;
  for (const partitions of bench.pick([20], [1, 100, 2_000], [1, 100, 2_000])) {
    const name = `${partitions} partition${partitions === 1 ? '' : 's'}`;
    if (!bench.wants(name)) continue;
    const folder = bench.makeFolder();
    const setup = { folder, partitions, records };
    const filled = await runScenario<Partitioned>(module, { ...setup, step: 'fill' } satisfies PartitionsSetup);
    const opened = await runScenario<Partitioned>(module, { ...setup, step: 'open' } satisfies PartitionsSetup);
    bench.drop(folder);
    const result: Partitioned = { ...filled, openMs: opened.openMs, idleBytes: opened.idleBytes };
    first ??= result;
    const emit = (what: string, unit: string, read: (one: Partitioned) => number, scale = 1) => {
      const ratio = first === null || first === result ? {} : { ratio: rounded(read(result) / read(first)), of: '1 partition' };
      bench.emit({ case: `${name}, ${what}`, value: rounded(read(result) / scale), unit, ...ratio, check: result.check });
    };
    emit('create', 'ms', ({ createMs }) => createMs);
    emit('append', 'records/s', ({ appendRate }) => appendRate);
    emit('replay', 'records/s', ({ replayRate }) => replayRate);
    emit('peak RSS', 'MB', ({ peakBytes }) => peakBytes, 1e6);
    emit('open', 'ms', ({ openMs }) => openMs);
    emit('RSS when open and idle', 'MB', ({ idleBytes }) => idleBytes, 1e6);
  }
}

async function measureRetained(bench: Bench): Promise<void> {
  const module = new URL('./scale-retained.ts', import.meta.url);
  const probeBytes = bench.pick(1 * MiB, 128 * MiB, 512 * MiB);
  let first: Reopened | null = null;
  for (const bytes of bench.pick([8 * MiB], [GiB / 4, 2 * GiB], [GiB, 20 * GiB])) {
    const size = bytes >= GiB ? `${bytes / GiB} GiB` : `${bytes / MiB} MiB`;
    const name = `${size} retained`;
    if (!bench.wants(name)) continue;
    const folder = bench.makeFolder();
    const setup = { folder, bytes, probeBytes };
    const run = (step: RetainedSetup['step']) =>
      runScenario<Reopened>(module, { ...setup, step } satisfies RetainedSetup, { killed: step === 'kill' });
    await run('fill');
    // Gigabytes of dirty pages on their way to the disk are not what retaining them costs.
    if (bench.pick(false, true, true)) spawnSync('sync');
    const clean = await run('probe');
    await run('kill');
    const unclean = await run('open');
    bench.drop(folder);
    const result: Reopened = { ...clean, uncleanMs: unclean.openMs };
    first ??= result;
    const emit = (what: string, unit: string, read: (one: Reopened) => number, scale = 1) => {
      const ratio = first === null || first === result ? {} : { ratio: rounded(read(result) / read(first)), of: 'the least retained' };
      bench.emit({ case: `${name}, ${what}`, value: rounded(read(result) / scale), unit, ...ratio, check: result.check });
    };
    emit('open after a clean close', 'ms', ({ openMs }) => openMs);
    emit('open after a kill', 'ms', ({ uncleanMs }) => uncleanMs);
    emit('append', 'records/s', ({ appendRate }) => appendRate);
    emit('read the newest', 'records/s', ({ newestRate }) => newestRate);
    emit('read the oldest', 'records/s', ({ oldestRate }) => oldestRate);
    emit('peak RSS', 'MB', ({ peakBytes }) => peakBytes, 1e6);
  }
}
