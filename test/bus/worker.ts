/**
 * A worker of a user's: it takes up a handle and, until the bus is closed, sends what it counts and reads it back. It tells how it
 * ended, and must then end by itself.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, BusError } from '../../src/index.ts';

const bus = attach(workerData);
const acked: number[] = [];
let read = 0;

const sending = (async () => {
  const producer = bus.producer();
  try {
    for (let i = 0; ; i++) {
      acked.push((await producer.send('t', { partition: 0, value: i })).offset);
      if (i === 10) parentPort?.postMessage('works');
    }
  } catch (error) {
    return error instanceof BusError ? error.code : String(error);
  }
})();

const reading = (async () => {
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('t');
  for await (const _ of consumer) read++;
  return 'ended';
})();

parentPort?.postMessage({ sending: await sending, reading: await reading, closed: bus.closed, acked, read });
await bus.close();
