/** One step of the scale bench by partitions, in a process of its own. */
import { Bus } from '../../src/index.ts';
import { countStored, makeTopic, pushRoundRobin, rawProducer, replay } from '../bus.ts';
import { expectCheck } from '../harness.ts';
import { checkOf } from '../records.ts';
import { setupOf, tell } from '../scenario.ts';

const TOPIC = 'spread';

export interface PartitionsSetup {
  step: 'fill' | 'open';
  folder: string;
  partitions: number;
  records: number;
}

export interface Partitioned {
  createMs: number;
  appendRate: number;
  replayRate: number;
  peakBytes: number;
  openMs: number;
  idleBytes: number;
  check: string;
}

const { step, folder, partitions, records } = setupOf<PartitionsSetup>();
// Modules are loaded on this thread: what is measured is the folder, and the bus's own threads.
await (await Bus.open({ logLevel: 'error' })).close();

const openedMs = performance.now();
const bus = await Bus.open({ dir: folder, logLevel: 'error' });
const openMs = performance.now() - openedMs;
const result: Partitioned = {
  createMs: 0,
  appendRate: 0,
  replayRate: 0,
  peakBytes: 0,
  openMs,
  idleBytes: process.memoryUsage.rss(),
  check: '',
};
if (step === 'fill') {
  let startMs = performance.now();
  await makeTopic(bus, TOPIC, 'written', { partitions });
  result.createMs = performance.now() - startMs;

  const producer = rawProducer(bus, { lingerMs: 5 });
  startMs = performance.now();
  await pushRoundRobin(producer, TOPIC, 100, records, partitions);
  await producer.flush();
  result.appendRate = records / ((performance.now() - startMs) / 1000);

  startMs = performance.now();
  const tally = await replay(bus, TOPIC, records);
  result.replayRate = records / ((performance.now() - startMs) / 1000);
  expectCheck(tally.check, checkOf(records), 'replay');
}
result.check = expectCheck(await countStored(bus, TOPIC), `${records}`, TOPIC);
result.peakBytes = process.resourceUsage().maxRSS * 1024;
await bus.close();
tell(result);
