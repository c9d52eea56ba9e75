/** A worker of a user's with nothing to do but to wait: for records of a partition that it paused. It tells how that ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from '../../src/index.ts';

const bus = attach(workerData);
const consumer = await bus.consumer().assign('t');
consumer.pause();
const reading = (async () => {
  for await (const { offset } of consumer) return offset;
  return 'ended';
})();
parentPort?.postMessage('waits');
parentPort?.postMessage(await reading);
