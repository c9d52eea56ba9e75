/** The receiving thread of packed posts. */
import { parentPort, workerData } from 'node:worker_threads';
import { DelayLog, nowUs } from '../pace.ts';
import { DUE_AT, KEY_BYTES, readNumber, Tally } from '../records.ts';
import { type Pack, RECORD_BYTES } from './post-packed.ts';
import type { ReaderResult, ReaderSetup } from './reader-thread.ts';

const { count, isTimed } = workerData as ReaderSetup;
const tally = new Tally();
const delays = isTimed ? new DelayLog(count) : null;

parentPort?.on('message', ({ buffer, bytes }: Pack) => {
  const pack = Buffer.from(buffer);
  for (let at = 0; at < bytes; at += RECORD_BYTES) {
    tally.add(pack, at, at + KEY_BYTES);
    delays?.add(readNumber(pack, at + KEY_BYTES), nowUs() - pack.readDoubleLE(at + KEY_BYTES + DUE_AT));
  }
  parentPort?.postMessage(buffer, [buffer]);
  if (tally.count === count) parentPort?.postMessage({ check: tally.check, delays: delays?.summary() ?? null } satisfies ReaderResult);
});
