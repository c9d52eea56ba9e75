/**
 * A thread of the user's with one member of a group. It tells its parent what happens to it ('assigned', 'revoked', 'lost', records that
 * it was given), and does what it is told: block its thread, commit, close.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, BusError, type ConsumerOptions } from '../../src/index.ts';

export type WorkerSays =
  | { what: 'assigned' | 'revoked' | 'lost'; partitions: number[] }
  | { what: 'record'; partition: number; offset: number }
  | { what: 'committed'; code: string }
  | { what: 'closed'; unfinished: string[] };

const { handle, options } = workerData as { handle: never; options: ConsumerOptions };
const bus = attach(handle);
const say = (message: WorkerSays): void => parentPort?.postMessage(message);
const numbers = (all: { partition: number }[]): number[] => all.map(({ partition }) => partition).sort((a, b) => a - b);

const consumer = bus.consumer({
  ...options,
  onAssigned: (all) => say({ what: 'assigned', partitions: numbers(all) }),
  onRevoked: (all) => say({ what: 'revoked', partitions: numbers(all) }),
  onLost: (all) => say({ what: 'lost', partitions: numbers(all) }),
});

parentPort?.on('message', async (told: { do: 'block'; ms: number } | { do: 'close' }) => {
  if (told.do === 'block') {
    const late = consumer.assignment().map(({ topic, partition, position }) => ({ topic, partition, offset: position }));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, told.ms);
    // What the handler did meanwhile, it says when it has its thread back: too late.
    const code = await consumer.commit(late).then(
      () => 'committed',
      (error) => (error instanceof BusError ? error.code : String(error)),
    );
    say({ what: 'committed', code });
    return;
  }
  say({ what: 'closed', ...(await consumer.close()) });
  await bus.close();
  parentPort?.close();
});

for await (const { partition, offset } of consumer) say({ what: 'record', partition, offset });
