/**
 * What the wire's tables cost, one thread: requests and responses of Produce and Fetch read and written, beside the same fields read and
 * written by hand. Records are views, so their size does not matter here.
 */

import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { readRequest } from '../../src/kafka/read-fields.ts';
import { Reader } from '../../src/kafka/reader.ts';
import { writeRequest, writeResponse } from '../../src/kafka/write-fields.ts';
import { Writer } from '../../src/kafka/writer.ts';
import { type Bench, measureSides, ratioOf, rounded, type Sample, type Side } from '../harness.ts';

const TOPIC_ID = '0123456789abcdef'.repeat(2);
const RECORDS = Buffer.alloc(16_384, 7);
const PRODUCE = 13;
const FETCH = 16;

export async function main(bench: Bench): Promise<void> {
  const partitions = bench.pick(2_000, 400_000, 2_000_000);
  const sides: Side[] = [1, 100].flatMap((each) => {
    const times = Math.ceil(partitions / each);
    return [
      { name: `read Produce, ${each} a request, by hand`, run: () => readProduceByHand(times, each) },
      { name: `read Produce, ${each} a request`, run: () => readProduce(times, each) },
      { name: `read Fetch, ${each} a request`, run: () => readFetch(times, each) },
      { name: `write Fetch's response, ${each} a response, by hand`, run: () => writeFetchByHand(times, each) },
      { name: `write Fetch's response, ${each} a response`, run: () => writeFetch(times, each) },
    ];
  });
  const measured = await measureSides(
    sides.filter(({ name }) => bench.wants(name)),
    bench.pick(1, 3, 5),
    1,
  );
  for (const side of measured) {
    const of = `${side.name}, by hand`;
    const ceiling = measured.find(({ name }) => name === of);
    const ratio = ceiling === undefined ? {} : { ratio: rounded(ratioOf(side, ceiling)), of };
    bench.emit({ case: side.name, value: rounded(side.value), unit: 'partitions/s', ...ratio, check: side.check });
  }
}

/** `work` gives a sum that the next one may not change. */
function timed(times: number, each: number, work: () => number): Sample {
  const startMs = performance.now();
  let sum = 0;
  for (let i = 0; i < times; i++) sum += work();
  return { value: ((times * each) / (performance.now() - startMs)) * 1000, check: `${sum / times}` };
}

function produceBytes(each: number): Buffer {
  const partitionData = Array.from({ length: each }, (_, index) => ({ index, records: RECORDS }));
  const writer = new Writer();
  writeRequest(produce, PRODUCE, writer, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: '', topicId: TOPIC_ID, partitionData }],
  });
  return Buffer.concat(writer.take());
}

function readProduce(times: number, each: number): Sample {
  const bytes = produceBytes(each);
  return timed(times, each, () => {
    let sum = 0;
    for (const { partitionData } of readRequest(produce, PRODUCE, new Reader(bytes)).topicData)
      for (const { index, records } of partitionData) sum += index + (records?.length ?? 0);
    return sum;
  });
}

function readProduceByHand(times: number, each: number): Sample {
  const bytes = produceBytes(each);
  return timed(times, each, () => {
    const reader = new Reader(bytes);
    const head = { transactionalId: reader.string(true), acks: reader.int16(), timeoutMs: reader.int32() };
    let sum = head.acks + 1;
    for (let topics = reader.uvarint() - 1; topics > 0; topics--) {
      const topic = { topicId: reader.uuid(), partitions: [] as { index: number; records: Buffer | null }[] };
      for (let left = reader.uvarint() - 1; left > 0; left--) {
        topic.partitions.push({ index: reader.int32(), records: reader.bytes(true) });
        reader.uvarint();
      }
      reader.uvarint();
      for (const { index, records } of topic.partitions) sum += index + (records?.length ?? 0);
    }
    return sum;
  });
}

function readFetch(times: number, each: number): Sample {
  const partitions = Array.from({ length: each }, (_, partition) => ({
    partition,
    fetchOffset: 1_000_000 + partition,
    partitionMaxBytes: 1 << 20,
  }));
  const writer = new Writer();
  const request = {
    maxWaitMs: 500,
    minBytes: 1,
    rackId: '',
    forgottenTopicsData: [],
    topics: [{ topic: '', topicId: TOPIC_ID, partitions }],
  };
  writeRequest(fetch, FETCH, writer, request);
  const bytes = Buffer.concat(writer.take());
  return timed(times, each, () => {
    let sum = 0;
    for (const topic of readRequest(fetch, FETCH, new Reader(bytes)).topics)
      for (const { partition, fetchOffset } of topic.partitions) sum += partition + fetchOffset;
    return sum;
  });
}

function writeFetch(times: number, each: number): Sample {
  const writer = new Writer();
  return timed(times, each, () => {
    const partitions = Array.from({ length: each }, (_, partitionIndex) => ({
      partitionIndex,
      highWatermark: 1_000_000,
      lastStableOffset: 1_000_000,
      logStartOffset: 0,
      abortedTransactions: null,
      records: RECORDS,
    }));
    writeResponse(fetch, FETCH, writer, { sessionId: 1, responses: [{ topic: '', topicId: TOPIC_ID, partitions }] });
    const bytes = writer.length;
    writer.take();
    return bytes;
  });
}

function writeFetchByHand(times: number, each: number): Sample {
  const writer = new Writer();
  return timed(times, each, () => {
    writer.int32(0);
    writer.int16(0);
    writer.int32(1);
    writer.uvarint(2);
    writer.uuid(TOPIC_ID);
    writer.uvarint(each + 1);
    for (let partition = 0; partition < each; partition++) {
      writer.int32(partition);
      writer.int16(0);
      writer.int64(1_000_000);
      writer.int64(1_000_000);
      writer.int64(0);
      writer.uvarint(0);
      writer.int32(-1);
      writer.bytes(RECORDS, true);
      writer.uvarint(0);
    }
    writer.uvarint(0);
    writer.uvarint(0);
    const bytes = writer.length;
    writer.take();
    return bytes;
  });
}
