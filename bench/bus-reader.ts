/** A reading thread: attaches to the bus, reads a topic from its beginning, counts, and measures delays where values hold due times. */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type BusHandle, serdes } from '../src/index.ts';
import { type BusReaderResult, type BusReaderSetup, take } from './bus.ts';
import { takeTimed } from './timed.ts';

const { handle, setup } = workerData as { handle: BusHandle; setup: BusReaderSetup };
const bus = attach(handle);
const consumer = bus.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' });
await consumer.assign(setup.topic);
parentPort?.once('message', async () => {
  await bus.close();
  parentPort?.close();
});
parentPort?.postMessage('ready');
if (setup.isTimed) {
  const delays = await takeTimed(consumer, setup.count);
  parentPort?.postMessage({ check: `${delays.count}`, delays: delays.summary() } satisfies BusReaderResult);
} else {
  const tally = await take(consumer, setup.count);
  parentPort?.postMessage({ check: tally.check, delays: null } satisfies BusReaderResult);
}
