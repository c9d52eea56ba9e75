/**
 * Attacks on a listener with a whole bus behind it: nothing may fail within, each connection ends for a reason that is counted or has its
 * answers, sound to the last byte, and a client that does nothing wrong never notices.
 *
 * Cases come in blocks with a bus of their own, so a case is replayed by those of its block before it.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { joinGroup } from '../../src/kafka/api/11-join-group.ts';
import { syncGroup } from '../../src/kafka/api/14-sync-group.ts';
import { FrameCutter, readRequestHeader, readResponseHeader } from '../../src/kafka/frame.ts';
import { handlers } from '../../src/kafka/handlers.ts';
import { readRequest, readResponse } from '../../src/kafka/read-fields.ts';
import { Reader } from '../../src/kafka/reader.ts';
import type { Api } from '../../src/kafka/schema.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { batchBytes } from '../../src/record/batch-layout.ts';
import { validateBatch } from '../../src/record/batch-read.ts';
import { seededRandom } from '../../src/world/random.ts';
import { type Attack, attackOf, TOPIC_PARTITIONS, TOPICS } from './attacks.ts';
import type { AttackClient, Bed } from './beds.ts';
import type { FuzzResult } from './records.ts';
import { Witness } from './witness.ts';

export const BLOCK_CASES = 1000;
const BATCH_CASES = 200;
/** A bomb is decompressed up to its bound, in a host's turn. */
const WITNESS_MS = 10_000;
const ANSWER_MS = 5000;
const spoken = new Set(handlers.map(({ api }) => api.key));
/** They may wait for as long as they say, or for others. */
const waits = new Set<number>([fetch.key, joinGroup.key, syncGroup.key]);

/** Runs cases `from` to `to` of `seed`. Throws, naming seed and case, when a promise is broken. */
export async function fuzzWire(
  open: (seed: number) => Promise<Bed>,
  seed: number,
  from: number,
  to: number,
  progress: (cases: number) => void = () => {},
): Promise<FuzzResult> {
  const reasons: Record<string, number> = {};
  const add = (reason: string, count = 1): void => {
    reasons[reason] = (reasons[reason] ?? 0) + count;
  };
  // Whole blocks: what a case meets depends on those before it.
  for (let block = Math.floor(from / BLOCK_CASES); block * BLOCK_CASES < to; block++) {
    const end = Math.min(to, (block + 1) * BLOCK_CASES);
    await fuzzBlock(await open(seed + block), seed, block * BLOCK_CASES, end, add);
    progress(end - from);
  }
  return { cases: to - from, reasons };
}

interface Case {
  number: number;
  attack: Attack;
  client: AttackClient;
  /** What the listener should have made of it: requests that it can read, and whether something comes after them that it cannot. */
  requests: { api: Api; version: number; correlationId: number; mayBeSilent: boolean }[];
  isMalformed: boolean;
  answers: number;
  problem: string;
}

async function fuzzBlock(bed: Bed, seed: number, from: number, to: number, add: (reason: string, count?: number) => void): Promise<void> {
  const witness = await Witness.begin(await bed.connect(), WITNESS_MS, TOPICS, TOPIC_PARTITIONS);
  let first = from;
  try {
    for (; first < to; first += BATCH_CASES) {
      const numbers = Array.from({ length: Math.min(BATCH_CASES, to - first) }, (_, i) => first + i);
      const cases = await Promise.all(numbers.map(async (number) => begin(await bed.connect(), seed, number)));
      await witness.round();
      await settle(cases);
      for (const one of cases) add(end(one));
      const problem = bed.problem() ?? cases.find((one) => one.problem !== '')?.problem;
      if (problem !== undefined) throw new Error(problem);
    }
    await checkEnd(bed);
    for (const [reason, count] of Object.entries((await bed.counts()).closed)) add(`closed: ${reason}`, count);
  } catch (error) {
    const last = Math.min(to, first + BATCH_CASES);
    throw new Error(`seed ${seed}, cases ${first} to ${last - 1}: ${(error as Error).message}`, { cause: error });
  }
  await bed.close();
}

/** Sends a case's bytes. */
function begin(client: AttackClient, seed: number, number: number): Case {
  const attack = attackOf(seededRandom(seed * 1_000_003 + number), number);
  const one: Case = { number, attack, client, ...expected(attack), answers: 0, problem: '' };
  for (const request of one.requests) void client.next().then((frame) => frame !== null && heard(one, request, frame));
  for (const piece of attack.pieces) client.send(piece);
  return one;
}

/** The requests that can be read, as the listener reads them, and whether something comes behind them that cannot. */
function expected({ pieces }: Attack): Pick<Case, 'requests' | 'isMalformed'> {
  const requests: Case['requests'] = [];
  const cutter = new FrameCutter();
  let isMalformed = false;
  try {
    cutter.feed(Buffer.concat(pieces), (frame) => {
      const reader = new Reader(frame);
      const { api, version, correlationId, known } = readRequestHeader(reader);
      if (!spoken.has(api.key)) throw new Error('not spoken');
      const request = known ? (readRequest(api, version, reader) as Record<string, unknown>) : {};
      requests.push({ api, version: known ? version : 0, correlationId, mayBeSilent: waits.has(api.key) || request.acks === 0 });
    });
  } catch {
    // The listener says why.
    isMalformed = true;
  }
  return { requests, isMalformed };
}

function heard(one: Case, { api, version, correlationId }: Case['requests'][number], frame: Buffer): void {
  one.answers++;
  try {
    const reader = new Reader(frame);
    if (readResponseHeader(reader, api, version) !== correlationId)
      one.problem = `case ${one.number}: ${api.name} ${version}: another's answer`;
    readResponse(api, version, reader);
    if (reader.left > 0) one.problem = `case ${one.number}: ${api.name} ${version}: an answer has ${reader.left} bytes too many`;
  } catch (error) {
    one.problem = `case ${one.number}: ${api.name} ${version}: an answer cannot be read: ${error}`;
  }
}

/** Waits until all that must be answered is, and what must be closed. */
async function settle(cases: readonly Case[]): Promise<void> {
  const untilMs = performance.now() + ANSWER_MS;
  for (let turns = 0; turns < 3 || cases.some(isDue); turns++) {
    if (performance.now() > untilMs) {
      const { number, requests, answers } = cases.find(isDue) as Case;
      const what =
        answers < requests.length ? `${requests[answers].api.name} ${requests[answers].version} has no answer` : 'it is not closed';
      throw new Error(`case ${number}: ${what}`);
    }
    await (turns < 100 ? turn() : sleep(1));
  }
}

function isDue({ client, requests, answers, isMalformed }: Case): boolean {
  if (client.isClosed || requests.slice(answers).some(({ mayBeSilent }) => mayBeSilent)) return false;
  return isMalformed || answers < requests.length;
}

/** How the case ended; its client goes. */
function end({ attack, client, requests, answers }: Case): string {
  const how = client.isClosed ? 'closed' : answers < requests.length ? 'waits' : answers > 0 ? 'answered' : 'incomplete';
  client.close();
  return `${attack.kind}: ${how}`;
}

/** Nothing is left behind, and what was stored is sound. */
async function checkEnd(bed: Bed): Promise<void> {
  const client = await bed.connect();
  for (const topic of TOPICS) {
    for (let partition = 0; partition < TOPIC_PARTITIONS; partition++) await walk(client, topic, partition);
  }
  client.close();
  for (let tries = 0; ; tries++) {
    const { connections, closed, inFlightBytes } = await bed.counts();
    if (closed['internal-error'] !== undefined) throw new Error(`${closed['internal-error']} requests failed within`);
    if (connections === 1 && inFlightBytes === 0) return;
    if (tries === 500) throw new Error(`${connections} connections are open where 1 is, ${inFlightBytes} bytes in flight`);
    await sleep(2);
  }
}

/** Every batch that was taken is one. */
async function walk(client: AttackClient, topic: string, partition: number): Promise<void> {
  for (let offset = 0, moved = true; moved; ) {
    moved = false;
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: 1 << 24 }];
    const wanted = { maxWaitMs: 0, minBytes: 0, rackId: '', forgottenTopicsData: [], topics: [{ topic, topicId: ZERO_UUID, partitions }] };
    const { responses } = await client.ask(fetch, 11, wanted);
    const [{ errorCode, records, logStartOffset }] = responses[0].partitions;
    // Retention, or an attack, has moved the log's start; an attack may have deleted the topic.
    if (errorCode === 1 && logStartOffset > offset) {
      offset = logStartOffset;
      moved = true;
    }
    const bytes = Buffer.from(records ?? []);
    for (let at = 0; at < bytes.length; at += batchBytes(bytes, at)) {
      const code = validateBatch(bytes, at, bytes.length, true);
      if (code !== 0) throw new Error(`${topic}-${partition} holds a batch at ${offset} that is none: error ${code}`);
      offset = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23) + 1;
      moved = true;
    }
  }
}
