/** A thread of the demonstration that reads the whole topic on its own and fingerprints what it gets. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { attach } from '../bus/attach.ts';
import type { BusHandle } from '../dispatch/handle.ts';
import { realClock } from '../world/clock.ts';
import { type Fingerprint, Fingerprints } from './fingerprint.ts';

export interface ReaderSetup {
  handle: BusHandle;
  topic: string;
  /** A record's time is this and its number in the input, in milliseconds. */
  originMs: number;
  port: MessagePort;
}

/** What it tells, a few times a second and at its end. */
export type ReaderSays = { records: number; bytes: number } | { fingerprint: Fingerprint } | { failed: string };

/** What it is told: where the topic ends, once that is known. */
export interface ReaderHears {
  /** By partition. */
  ends: Record<number, number>;
}

const TELL_EVERY_MS = 100;

const { handle, topic, originMs, port } = workerData as ReaderSetup;
const prints = new Fingerprints();
let ends: Record<number, number> | null = null;

try {
  const bus = await attach(handle);
  const consumer = bus.consumer({ autoOffsetReset: 'earliest' });
  const positions = new Map<number, number>();
  const isDone = (): boolean =>
    ends !== null && Object.entries(ends).every(([partition, end]) => (positions.get(Number(partition)) ?? 0) >= end);
  port.on('message', (heard: ReaderHears) => {
    ends = heard.ends;
    // Everything may have been read before the end was known; nothing more would wake the loop.
    if (isDone()) void consumer.close();
  });
  await consumer.assign(topic);
  for (const { partition, position } of consumer.assignment()) positions.set(partition, position);
  let toldMs = 0;
  for await (const batch of consumer.batches()) {
    const cursor = batch.cursor();
    while (cursor.next()) {
      const { bytes, keyAt, keyLength, valueAt, valueLength } = cursor;
      prints.add(bytes.toString('latin1', keyAt, keyAt + keyLength), cursor.timestampMs - originMs, bytes, valueAt, valueLength);
    }
    positions.set(batch.partition, batch.nextOffset);
    const nowMs = realClock.monotonicMs();
    if (nowMs - toldMs > TELL_EVERY_MS) {
      toldMs = nowMs;
      say({ records: prints.records, bytes: prints.bytes });
    }
    if (isDone()) break;
  }
  await consumer.close();
  say({ records: prints.records, bytes: prints.bytes });
  say({ fingerprint: prints.finish() });
  await bus.close();
} catch (error) {
  say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
port.close();

function say(what: ReaderSays): void {
  port.postMessage(what);
}
