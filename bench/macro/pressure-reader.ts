/** A reading thread of the pressure bench, to be killed: a member of the group that tells of every batch what it saw. */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type BusHandle, serdes } from '../../src/index.ts';
import { seenOf } from './pressure-places.ts';

const { handle, partitions } = workerData as { handle: BusHandle; partitions: number };
const bus = attach(handle);
const consumer = bus.consumer<Uint8Array, Uint8Array>({
  key: serdes.raw,
  value: serdes.raw,
  groupId: 'pressed',
  topics: 'pressed',
  autoOffsetReset: 'earliest',
  // Whoever is killed is missed soon, and what it had finished is committed often.
  sessionTimeoutMs: 1000,
  autoCommitIntervalMs: 100,
});
parentPort?.once('message', async () => {
  await consumer.close();
  await bus.close();
  parentPort?.close();
});
for await (const batch of consumer.batches()) {
  parentPort?.postMessage(seenOf(batch, partitions));
  batch.release();
}
