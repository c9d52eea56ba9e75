/** postMessage as it is mostly used: arrays of 1,000 message objects, copied by the structured clone. A bounded number is under way. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { keyOf, makeValue, writeNumber } from '../records.ts';
import type { ReaderResult, ReaderSetup } from './reader-thread.ts';
import { type Peer, tellRate, wants } from './work.ts';

const PER_POST = 1_000;
const POSTS_AHEAD = 8;

export interface Message {
  key: Uint8Array;
  value: Uint8Array;
}

export const peer: Peer = {
  skipReason: () => null,
  async run(setup) {
    if (!wants(setup, 'both 100 B')) return 0;
    const count = setup.counts.records100;
    const reader = { path: '', count, isTimed: false } satisfies ReaderSetup;
    const worker = new Worker(new URL('./post-arrays-reader.ts', import.meta.url), { workerData: reader });
    await once(worker, 'online');
    try {
      await tellRate(setup, 'both 100 B', count, async () => (await send(worker, count)).check);
    } finally {
      await worker.terminate();
    }
    return 0;
  },
};

async function send(worker: Worker, count: number): Promise<ReaderResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ReaderResult>();
  let underWay = 0;
  let wake = () => {};
  worker.once('error', reject);
  worker.on('message', (message: number | ReaderResult) => {
    if (typeof message !== 'number') return resolve(message);
    underWay--;
    wake();
  });
  const template = makeValue(100);
  for (let from = 0; from < count; from += PER_POST) {
    const messages: Message[] = [];
    for (let i = from; i < Math.min(from + PER_POST, count); i++) {
      const value = new Uint8Array(template);
      writeNumber(value, i);
      messages.push({ key: keyOf(i), value });
    }
    while (underWay >= POSTS_AHEAD) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    underWay++;
    worker.postMessage(messages);
  }
  return promise;
}
