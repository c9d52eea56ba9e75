/**
 * Kills a producing process with SIGKILL, again and again on one folder, and looks after each kill at what it had acknowledged:
 * `written` and `synced` records are there, at their offsets, once, in order; `memory` records may be gone but never wrong.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Bus, serdes } from '../../src/index.ts';
import { seededRandom } from '../../src/world/random.ts';

export interface KillReport {
  kills: number;
  acknowledged: number;
  verified: number;
  lostOfMemory: number;
  problems: string[];
}

interface Ack {
  topic: string;
  partition: number;
  offset: number;
  number: number;
}

const CHILD = fileURLToPath(new URL('./kill-child.ts', import.meta.url));

export async function killAgainAndAgain(
  dir: string,
  kills: number,
  seed: number,
  progress: (report: KillReport) => void,
): Promise<KillReport> {
  const random = seededRandom(seed);
  const report: KillReport = { kills: 0, acknowledged: 0, verified: 0, lostOfMemory: 0, problems: [] };
  const acknowledged = new Map<string, Map<number, number>>();
  let number = 0;
  for (let kill = 0; kill < kills && report.problems.length === 0; kill++) {
    // A new folder from time to time keeps the verification short.
    if (kill % 25 === 0) {
      rmSync(dir, { recursive: true, force: true });
      acknowledged.clear();
      number = 0;
    }
    const acks = await runAndKill(dir, number, random.below(150));
    for (const { topic, partition, offset, number: n } of acks) {
      number = Math.max(number, n + 1);
      let place = acknowledged.get(`${topic} ${partition}`);
      if (place === undefined) {
        place = new Map();
        acknowledged.set(`${topic} ${partition}`, place);
      }
      if (topic !== 'memory' && place.has(offset))
        report.problems.push(`kill ${kill}: offset ${offset} of ${topic}-${partition} was acknowledged twice`);
      place.set(offset, n);
    }
    // Numbers that were sent and not acknowledged must not be used again.
    number += 1000;
    report.kills++;
    report.acknowledged += acks.length;
    await verify(dir, acknowledged, report, kill);
    progress(report);
  }
  return report;
}

/** Runs the child for `ms` beyond its first acknowledgement, kills it, and gives what it had acknowledged. */
async function runAndKill(dir: string, firstNumber: number, ms: number): Promise<Ack[]> {
  const child = spawn(process.execPath, [CHILD, dir, String(firstNumber)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acks: Ack[] = [];
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let scheduled = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!scheduled) {
      scheduled = true;
      setTimeout(() => child.kill('SIGKILL'), ms);
    }
    const [word, topic, partition, offset, number] = line.split(' ');
    // A line cut by the kill lacks its last part; such an acknowledgement was not read.
    if (word === 'ack' && number !== undefined && number !== '')
      acks.push({ topic, partition: Number(partition), offset: Number(offset), number: Number(number) });
  }
  await ended;
  return acks;
}

async function verify(dir: string, acknowledged: Map<string, Map<number, number>>, report: KillReport, kill: number): Promise<void> {
  await using bus = await Bus.open({ dir, memoryBytesMax: 32 * 1024 * 1024, logLevel: 'silent' });
  const topics = await bus.admin().listTopics();
  for (const { name, partitions } of topics) {
    const ends = await bus.admin().listOffsets(name, 'latest');
    for (let partition = 0; partition < partitions; partition++) {
      const wanted = acknowledged.get(`${name} ${partition}`) ?? new Map<number, number>();
      const found = await readAll(bus, name, partition, ends[partition].offset);
      check(name, partition, wanted, found, report, kill);
    }
  }
}

async function readAll(bus: Bus, topic: string, partition: number, end: number): Promise<Map<number, number>> {
  const consumer = bus.consumer({ value: serdes.string, autoOffsetReset: 'earliest' });
  const found = new Map<number, number>();
  await consumer.assign([{ topic, partition }]);
  while (consumer.position(topic, partition) < end) {
    for (const record of await consumer.poll({ timeoutMs: 5000, recordsMax: 10_000 }))
      found.set(record.offset, Number(String(record.value).split(':')[0]));
  }
  await consumer.close();
  return found;
}

function check(
  topic: string,
  partition: number,
  wanted: Map<number, number>,
  found: Map<number, number>,
  report: KillReport,
  kill: number,
): void {
  const place = `${topic}-${partition}`;
  for (const [offset, number] of wanted) {
    const there = found.get(offset);
    if (there === number) report.verified++;
    else if (topic === 'memory') {
      report.lostOfMemory++;
      wanted.delete(offset);
    } else report.problems.push(`kill ${kill}: ${place} offset ${offset} should hold ${number}, holds ${there ?? 'nothing'}`);
  }
  // One producer per life, its numbers only rise, and lives use rising numbers: so must the log.
  let last = -1;
  for (const [offset, number] of found) {
    if (number <= last) report.problems.push(`kill ${kill}: ${place} offset ${offset} holds ${number} after ${last}`);
    last = number;
  }
}
