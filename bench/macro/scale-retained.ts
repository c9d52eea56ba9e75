/** One step of the scale bench by retained bytes, in a process of its own: fill, probe, be killed in the middle of appending, open again. */
import { Bus, serdes } from '../../src/index.ts';
import { countStored, makeTopic, pushRecords, rawProducer, take } from '../bus.ts';
import { setupOf, tell } from '../scenario.ts';

const TOPIC = 'kept';
const PARTITIONS = 4;
const VALUE_BYTES = 1024;
// Segments of 256 MiB, so that a retained gigabyte has some of them too.
const SEGMENT_BYTES = 268_435_456;

export interface RetainedSetup {
  step: 'fill' | 'probe' | 'kill' | 'open';
  folder: string;
  bytes: number;
  /** How much is appended and read to see how fast that is. */
  probeBytes: number;
}

export interface Reopened {
  openMs: number;
  uncleanMs: number;
  appendRate: number;
  newestRate: number;
  oldestRate: number;
  peakBytes: number;
  check: string;
}

const { step, folder, bytes, probeBytes } = setupOf<RetainedSetup>();
await (await Bus.open({ logLevel: 'error' })).close();

const openedMs = performance.now();
const bus = await Bus.open({ dir: folder, logLevel: 'error' });
const result: Reopened = {
  openMs: performance.now() - openedMs,
  uncleanMs: 0,
  appendRate: 0,
  newestRate: 0,
  oldestRate: 0,
  peakBytes: 0,
  check: '',
};
const probes = Math.ceil(probeBytes / VALUE_BYTES);

if (step === 'fill') {
  await makeTopic(bus, TOPIC, 'written', { partitions: PARTITIONS, configs: { 'segment.bytes': SEGMENT_BYTES } });
  await append(Math.ceil(bytes / VALUE_BYTES));
}
if (step === 'probe') {
  result.appendRate = await append(probes);
  result.newestRate = await readFrom((end) => Math.max(0, end - Math.floor(probes / PARTITIONS)));
  result.oldestRate = await readFrom(() => 0);
}
result.check = await countStored(bus, TOPIC);
result.peakBytes = process.resourceUsage().maxRSS * 1024;
if (step === 'kill') {
  await append(Math.ceil(probes / 8));
  tell(result);
  process.kill(process.pid, 'SIGKILL');
}
await bus.close();
tell(result);

async function append(records: number): Promise<number> {
  const producer = rawProducer(bus);
  const startMs = performance.now();
  await pushRecords(producer, TOPIC, VALUE_BYTES, records);
  await producer.flush();
  return records / ((performance.now() - startMs) / 1000);
}

/** Reads `probes` records, those of each partition from where `startOf` its end says. */
async function readFrom(startOf: (endOffset: number) => number): Promise<number> {
  const ends = await bus.admin().listOffsets(TOPIC, 'latest');
  await using consumer = bus.consumer({ key: serdes.raw, value: serdes.raw });
  await consumer.assign(TOPIC);
  for (const { partition, offset } of ends) await consumer.seek({ topic: TOPIC, partition }, startOf(offset));
  const available = ends.reduce((sum, { offset }) => sum + offset - startOf(offset), 0);
  const startMs = performance.now();
  const { count } = await take(consumer, Math.min(probes, available));
  return count / ((performance.now() - startMs) / 1000);
}
