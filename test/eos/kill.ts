/**
 * Kills the transfer with SIGKILL, again and again on one folder and one database, and looks after each kill: the database holds each record of
 * `in` below its stored offset once and no other, their sum agrees, and each of its rows is in `out` once, or still in the outbox. Every so often
 * it is brought to its end, and then everything is there, once, everywhere.
 */
import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Bus } from '../../src/index.ts';
import { seededRandom } from '../../src/world/random.ts';
import { type Amount, amounts, openDatabase, startTransfer } from './transfer.ts';

export interface EosReport {
  kills: number;
  /** Records of `in`, rows of the database and records of `out` that were compared, over all looks. */
  produced: number;
  moved: number;
  sent: number;
  /** Kills that found rows in the outbox, and batches on their way. */
  withRowsWaiting: number;
  withBatchOnItsWay: number;
  problems: string[];
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const FOLDER_KILLS = 25;

export async function killTransfer(dir: string, kills: number, seed: number, progress: (report: EosReport) => void): Promise<EosReport> {
  const random = seededRandom(seed);
  const report: EosReport = { kills: 0, produced: 0, moved: 0, sent: 0, withRowsWaiting: 0, withBatchOnItsWay: 0, problems: [] };
  for (let kill = 0; kill < kills && report.problems.length === 0; kill++) {
    // A new folder from time to time keeps the looks short.
    if (kill % FOLDER_KILLS === 0) rmSync(dir, { recursive: true, force: true });
    await runAndKill(dir, kill * 1_000_000, random.below(120));
    report.kills++;
    const isLast = kill === kills - 1 || (kill + 1) % FOLDER_KILLS === 0;
    const problems = await look(dir, isLast, report);
    report.problems.push(...problems.map((problem) => `kill ${kill}: ${problem}`));
    progress(report);
  }
  return report;
}

/** Runs the child for `ms` beyond its first transaction, and kills it. */
async function runAndKill(dir: string, firstNumber: number, ms: number): Promise<void> {
  const child = spawn(process.execPath, [CHILD, dir, String(firstNumber)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let scheduled = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (scheduled || !line.startsWith('moved')) continue;
    scheduled = true;
    setTimeout(() => child.kill('SIGKILL'), ms);
  }
  await ended;
  if (!scheduled) throw new Error('the transfer ended by itself before it had moved anything');
}

async function look(dir: string, finish: boolean, report: EosReport): Promise<string[]> {
  const path = join(dir, 'user.sqlite');
  if (!existsSync(path)) return ['there is no database'];
  await using bus = await Bus.open({ dir: join(dir, 'bus'), memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
  const produced = await readAll(bus, 'in');
  if (finish) await bringToItsEnd(bus, path, produced.length);
  const sent = await readAll(bus, 'out');
  const db = openDatabase(path);
  const rows = db.prepare('SELECT partition, offset, number, amount FROM moved').all() as Row[];
  const stored = db.prepare('SELECT partition, next_offset FROM spillway_offsets').raw().all() as [number, number][];
  const total = db.prepare('SELECT total FROM account').pluck().get() as number;
  const waiting = (db.prepare('SELECT value FROM box').pluck().all() as Buffer[]).map((bytes) => amounts.deserialize(bytes));
  const onItsWay = db.prepare('SELECT count(*) FROM box_lanes WHERE last_id > 0').pluck().get() as number;
  db.close();
  report.produced += produced.length;
  report.moved += rows.length;
  report.sent += sent.length;
  if (waiting.length > 0) report.withRowsWaiting++;
  if (onItsWay > 0) report.withBatchOnItsWay++;
  return compare({ produced, rows, stored: new Map(stored), total, sent, waiting, finish });
}

interface Row extends Amount {
  partition: number;
  offset: number;
}

interface Seen {
  produced: Row[];
  rows: Row[];
  stored: Map<number, number>;
  total: number;
  sent: Row[];
  waiting: Amount[];
  finish: boolean;
}

export function compare({ produced, rows, stored, total, sent, waiting, finish }: Seen): string[] {
  const problems: string[] = [];
  const nameOf = ({ partition, offset, number, amount }: Row): string => `${partition}:${offset} ${number} ${amount}`;
  const wanted = new Set(produced.filter(({ partition, offset }) => finish || offset < (stored.get(partition) ?? 0)).map(nameOf));
  const found = new Set(rows.map(nameOf));
  if (found.size !== rows.length) problems.push(`${rows.length - found.size} rows are in the database twice`);
  const missing = [...wanted].filter((name) => !found.has(name));
  if (missing.length > 0) problems.push(`${missing.length} records are not in the database, the first: ${missing[0]}`);
  const strange = [...found].filter((name) => !wanted.has(name));
  if (strange.length > 0) problems.push(`${strange.length} rows beyond the stored offset, the first: ${strange[0]}`);
  const sum = rows.reduce((so, { amount }) => so + amount, 0);
  if (sum !== total) problems.push(`the account says ${total}, its rows ${sum}`);

  const out = new Set(sent.map(({ number }) => number));
  if (out.size !== sent.length) problems.push(`${sent.length - out.size} records are in the topic twice`);
  const left = new Set(waiting.map(({ number }) => number));
  const lost = rows.filter(({ number }) => !out.has(number) && !left.has(number));
  if (lost.length > 0) problems.push(`${lost.length} rows are neither in the topic nor in the outbox, the first: ${lost[0].number}`);
  const numbers = new Set(rows.map(({ number }) => number));
  const never = sent.filter(({ number }) => !numbers.has(number));
  if (never.length > 0) problems.push(`${never.length} records of the topic were never committed, the first: ${never[0].number}`);
  if (finish && (left.size > 0 || out.size !== produced.length)) {
    problems.push(`at the end ${produced.length} were produced, ${out.size} sent on, and ${left.size} wait`);
  }
  return problems;
}

async function bringToItsEnd(bus: Bus, path: string, records: number): Promise<void> {
  const transfer = startTransfer(bus, path, () => {});
  const db = openDatabase(path);
  const count = db.prepare('SELECT count(*) FROM moved').pluck();
  const untilMs = Date.now() + 60_000;
  while ((count.get() as number) < records && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 10));
  db.close();
  await transfer.close();
}

async function readAll(bus: Bus, topic: string): Promise<Row[]> {
  const rows: Row[] = [];
  const consumer = await bus.consumer({ value: amounts, autoOffsetReset: 'earliest' }).assign(topic);
  const ends = await bus.admin().listOffsets(topic, 'latest');
  while (ends.some(({ partition, offset }) => consumer.position(topic, partition) < offset)) {
    for (const { partition, offset, value } of await consumer.poll({ timeoutMs: 5000, recordsMax: 100_000 })) {
      rows.push({ partition, offset, ...(value as Amount) });
    }
  }
  await consumer.close();
  return rows;
}
