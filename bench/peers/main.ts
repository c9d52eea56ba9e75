/**
 * The same work through what a user would pick instead of Spillway, side by side in one run: in every round each peer does all its
 * works, in a process of its own. `ratio` is the peer's value ÷ that of Spillway with the `written` durability.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Bench, median, rounded } from '../harness.ts';
import { endWithUs } from '../offspring.ts';
import { type PeerName, peers } from './names.ts';
import { type Counts, type Outcome, works } from './work.ts';

const REFERENCE: PeerName = 'Spillway, written';
const SKIPPED = 75;

export async function main(bench: Bench): Promise<void> {
  const counts: Counts = {
    records100: bench.pick(20_000, 1_000_000, 4_000_000),
    records1k: bench.pick(2_000, 200_000, 1_000_000),
    syncedBatched: bench.pick(5_000, 200_000, 1_000_000),
    syncedOneByOne: bench.pick(20, 500, 3_000),
    latencyMs: bench.pick(200, 3_000, 10_000),
  };
  const rounds = bench.pick(1, 1, 3);
  // `--only` picks peers by their name, or else works.
  const named = (Object.keys(peers) as PeerName[]).filter((name) => bench.only !== '' && name.includes(bench.only));
  const only = named.length > 0 ? '' : bench.only;
  const names = new Set(named.length > 0 ? named : (Object.keys(peers) as PeerName[]));
  const outcomes = new Map<PeerName, Outcome[]>();
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const folder = bench.makeFolder();
      const result = await runPeer(name, folder, counts, only);
      bench.drop(folder);
      if (typeof result === 'string') {
        bench.note(`${name} is skipped: ${result}`);
        names.delete(name);
      } else outcomes.set(name, [...(outcomes.get(name) ?? []), ...result]);
    }
  }
  for (const work of [...works, 'peak memory'] as const) {
    for (const [name, all] of outcomes) emitWork(bench, name, work, all, outcomes.get(REFERENCE) ?? []);
  }
}

function emitWork(bench: Bench, peer: PeerName, work: Outcome['work'], all: readonly Outcome[], reference: readonly Outcome[]): void {
  const mine = all.filter((outcome) => outcome.work === work);
  const theirs = reference.filter((outcome) => outcome.work === work);
  if (mine.length === 0) return;
  const line = (name: string, read: (outcome: Outcome) => number) => {
    const value = median(mine.map(read));
    const ratio = peer === REFERENCE || theirs.length === 0 ? {} : { ratio: rounded(value / median(theirs.map(read))), of: REFERENCE };
    bench.emit({ case: name, peer, value: rounded(value), unit: mine[0].unit, ...ratio, check: mine[0].check });
  };
  if (mine[0].p99Us === undefined) return line(work, ({ value }) => value);
  line(`${work}, p50`, ({ value }) => value);
  line(`${work}, p99`, ({ p99Us = Number.NaN }) => p99Us);
  line(`${work}, p99.9`, ({ p999Us = Number.NaN }) => p999Us);
}

/** The outcomes, or why it was skipped. */
async function runPeer(name: PeerName, folder: string, counts: Counts, only: string): Promise<Outcome[] | string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'child.ts'), name, folder, JSON.stringify(counts), only], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithUs(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-10_000);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const outcomes: Outcome[] = [];
  for await (const text of createInterface({ input: child.stdout })) outcomes.push(JSON.parse(text) as Outcome);
  const code = await ended;
  rmSync(folder, { recursive: true, force: true });
  if (code === SKIPPED) return said.trim();
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${said}`);
  return outcomes;
}
