/** A worker of a user's whose heap fills up to a share of its limit and is let go again, as it is told. */
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from '../../src/index.ts';

const bus = attach(workerData);
const kept: number[][] = [];

parentPort?.on('message', async (share: number) => {
  const { heap_size_limit: limit } = getHeapStatistics();
  if (share === 0) kept.length = 0;
  while (process.memoryUsage().heapUsed < share * limit) for (let i = 0; i < 64; i++) kept.push(new Array<number>(1000).fill(i));
  if (share === 0) await bus.close();
  if (share === 0) parentPort?.close();
  else parentPort?.postMessage(kept.length);
});
