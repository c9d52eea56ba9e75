/** Produce: what is taken, what is refused and how, and idempotent sequences. A topic for each kind of case, since offsets go on. */

import { crc32c } from '../../../../src/base/crc32c.ts';
import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { type OutgoingRequestOf, ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { type BatchOptions, batchOf } from '../../../kafka/wire-client.ts';
import { type Asker, NO_TOPIC_ID } from '../asking.ts';

type Request = OutgoingRequestOf<typeof produce>;

const patched = (change: (batch: Buffer) => void, options: BatchOptions = {}): Buffer => {
  const batch = batchOf(['x'], options);
  change(batch);
  return batch;
};
/** As `patched`, with the sum set right again: it begins behind itself. */
const sealed = (attributes: number): Buffer =>
  patched((batch) => {
    batch.writeInt16BE(attributes, ATTRIBUTES);
    batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES)), ATTRIBUTES - 4);
  });
const ATTRIBUTES = 21;
const magic = (value: number): Buffer => patched((batch) => batch.writeInt8(value, 16));

/** Nothing of it is stored. Records that are null are left out: Kafka 4.1 never answers them. */
const refused: Readonly<Record<string, Uint8Array>> = {
  'no bytes': Buffer.alloc(0),
  'too short': Buffer.alloc(20),
  garbage: Buffer.alloc(100, 7),
  'a wrong sum': patched((batch) => batch.writeUInt8(batch[batch.length - 1] ^ 1, batch.length - 1)),
  'magic 0': magic(0),
  'magic 1': magic(1),
  'magic 3': magic(3),
  'two batches': Buffer.concat([batchOf(['1']), batchOf(['2'])]),
  'two compressed batches': Buffer.concat([batchOf(['1'], { compression: 1 }), batchOf(['2'], { compression: 1 })]),
  'cut short': batchOf(['1234567']).subarray(0, -3),
  'cut in its header': batchOf(['1234567']).subarray(0, 40),
  'an unknown codec': sealed(7),
  'a batch and a short piece': Buffer.concat([batchOf(['1']), Buffer.alloc(5)]),
  'a control batch': sealed(0x20),
  'transactional without an id': sealed(0x10),
  'too large': batchOf(['x'.repeat(1_048_600)]),
};

const taken: Readonly<Record<string, Uint8Array>> = {
  one: batchOf(['a', 'b']),
  next: batchOf(['c']),
  compressed: batchOf(['d', 'e'], { compression: 1 }),
  'a base offset': patched((batch) => batch.writeBigInt64BE(55n, 0)),
  'a leader epoch': patched((batch) => batch.writeInt32BE(9, 12)),
  large: batchOf(['x'.repeat(1_040_000)]),
};

/** In this order, to one partition. */
const sequences: Readonly<Record<string, BatchOptions>> = {
  'begins at 5': { producerId: 777, producerEpoch: 0, baseSequence: 5 },
  first: { producerId: 778, producerEpoch: 0, baseSequence: 0 },
  'first again': { producerId: 778, producerEpoch: 0, baseSequence: 0 },
  'a gap': { producerId: 778, producerEpoch: 0, baseSequence: 5 },
  'next epoch, not from 0': { producerId: 778, producerEpoch: 1, baseSequence: 3 },
  'next epoch': { producerId: 778, producerEpoch: 1, baseSequence: 0 },
  'an old epoch': { producerId: 778, producerEpoch: 0, baseSequence: 1 },
  'no sequence': { producerId: 779, producerEpoch: 0, baseSequence: -1 },
  'no epoch': { producerId: 779, producerEpoch: -1, baseSequence: 0 },
};

export async function produceCases(asker: Asker): Promise<void> {
  const ids = await asker.makeTopics({ refused: 1, taken: 1, sequenced: 1, produced: 2, many: 2 });
  const send = (label: string, name: keyof typeof ids, records: Uint8Array | null, more: Partial<Request> = {}, version = 12) => {
    const topicData = [{ name, topicId: ids[name], partitionData: [{ index: 0, records }] }];
    return asker.ask(label, produce, { acks: -1, timeoutMs: 2000, topicData, ...more }, version);
  };
  for (const [label, records] of Object.entries(refused)) await send(label, 'refused', records);
  for (const [label, records] of Object.entries(taken)) await send(label, 'taken', records);
  for (const [label, options] of Object.entries(sequences)) await send(label, 'sequenced', batchOf(['x'], options));
  const batch = batchOf(['x']);
  await send('acks 2', 'produced', batch, { acks: 2 });
  await send('acks -2', 'produced', batch, { acks: -2 });
  await send('acks 1', 'produced', batch, { acks: 1 });
  await send('no time', 'produced', batch, { timeoutMs: 0 });
  await send('less than no time', 'produced', batch, { timeoutMs: -1 });
  await send('a transactional id', 'produced', batch, { transactionalId: 'tx' });
  const to = (index: number, name = 'produced', topicId = ids.produced) => ({ name, topicId, partitionData: [{ index, records: batch }] });
  await send('unknown topic', 'produced', null, { topicData: [to(0, 'absent', NO_TOPIC_ID)] });
  await send('unknown id', 'produced', null, { topicData: [to(0, '', NO_TOPIC_ID)] }, 13);
  await send('no id', 'produced', null, { topicData: [to(0, '', ZERO_UUID)] }, 13);
  await send('bad name', 'produced', null, { topicData: [to(0, 'bad name')] });
  await send('unknown partition', 'produced', null, { topicData: [to(99)] });
  await send('negative partition', 'produced', null, { topicData: [to(-1)] });
  await send('nothing', 'produced', null, { topicData: [] });
  await send('no partitions', 'produced', null, { topicData: [{ ...to(0), partitionData: [] }] });
  await send('two partitions', 'many', null, {
    topicData: [{ name: 'many', topicId: ids.many, partitionData: [0, 1, 2].map((index) => ({ index, records: batch })) }],
  });
  await send('one partition twice', 'many', null, {
    topicData: [{ name: 'many', topicId: ids.many, partitionData: [0, 0].map((index) => ({ index, records: batch })) }],
  });
  await send('zstd before it was known', 'produced', batchOf(['x'], { compression: 4 }), {}, 6);
  await send('zstd', 'produced', batchOf(['x'], { compression: 4 }), {}, 7);
  await compactedCases(asker);
  await timestampCases(asker);
}

async function compactedCases(asker: Asker): Promise<void> {
  const { compacted } = await asker.makeTopics({ compacted: 1 }, { 'cleanup.policy': 'compact' });
  const topicData = [{ name: 'compacted', topicId: compacted, partitionData: [{ index: 0, records: batchOf(['x', 'y']) }] }];
  await asker.ask('no keys', produce, { acks: -1, timeoutMs: 2000, topicData }, 8);
  await asker.ask('no keys', produce, { acks: -1, timeoutMs: 2000, topicData }, 7);
}

/** A broker that stamps records itself tells the time; one that bounds it refuses what lies outside. */
async function timestampCases(asker: Asker): Promise<void> {
  const { stamped } = await asker.makeTopics({ stamped: 1 }, { 'message.timestamp.type': 'LogAppendTime' });
  const { bounded } = await asker.makeTopics({ bounded: 1 }, { 'message.timestamp.before.max.ms': '1000' });
  const send = (label: string, name: string, topicId: string, records: Uint8Array) =>
    asker.ask(label, produce, { acks: -1, timeoutMs: 2000, topicData: [{ name, topicId, partitionData: [{ index: 0, records }] }] }, 12);
  await send('stamped', 'stamped', stamped, batchOf(['x']));
  await send('stamped, compressed', 'stamped', stamped, batchOf(['x', 'y'], { compression: 1 }));
  await send('of now', 'bounded', bounded, batchOf(['x']));
  await send('of long ago', 'bounded', bounded, batchOf(['x', 'y'], { timestampMs: 1 }));
}
