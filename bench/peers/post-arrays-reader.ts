/** The receiving thread of posted arrays. */
import { parentPort, workerData } from 'node:worker_threads';
import { Tally } from '../records.ts';
import type { Message } from './post-arrays.ts';
import type { ReaderResult, ReaderSetup } from './reader-thread.ts';

const { count } = workerData as ReaderSetup;
const tally = new Tally();

parentPort?.on('message', (messages: Message[]) => {
  for (const { key, value } of messages) tally.take(key, value);
  parentPort?.postMessage(messages.length);
  if (tally.count === count) parentPort?.postMessage({ check: tally.check, delays: null } satisfies ReaderResult);
});
