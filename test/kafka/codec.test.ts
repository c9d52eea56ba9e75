/** Readers and writers made from the tables: every API in every version, by themselves and with Kafka's own classes as the witness. */
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { metadata } from '../../src/kafka/api/03-metadata.ts';
import { joinGroup } from '../../src/kafka/api/11-join-group.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { describeTopicPartitions } from '../../src/kafka/api/75-describe-topic-partitions.ts';
import { apis } from '../../src/kafka/apis.ts';
import { readRequest, readResponse, structReader } from '../../src/kafka/read-fields.ts';
import { Malformed, type MalformedReason, Reader } from '../../src/kafka/reader.ts';
import { type Api, array, int8, int32, type Shape, string } from '../../src/kafka/schema.ts';
import { structWriter, writeRequest, writeResponse } from '../../src/kafka/write-fields.ts';
import { Writer } from '../../src/kafka/writer.ts';
import { javaSkipReason, runJava } from '../interop/java.ts';
import { anyMessage, type Message } from './messages.ts';

interface Case {
  api: Api;
  kind: 'request' | 'response';
  version: number;
  message: Message;
}

/** Every API, request and response, in every version. */
function casesOf(times: number): Case[] {
  const cases: Case[] = [];
  for (const api of apis as readonly Api[])
    for (const kind of ['request', 'response'] as const)
      for (let version = api.versions[0]; version <= api.versions[1]; version++)
        for (let seed = 0; seed < times; seed++)
          cases.push({ api, kind, version, message: anyMessage(api[kind], version, api.key * 1000 + version * 10 + seed) });
  return cases;
}

function written({ api, kind, version, message }: Case): Buffer {
  const writer = new Writer();
  (kind === 'request' ? writeRequest : writeResponse)(api, version, writer, message);
  return Buffer.concat(writer.take());
}

function read({ api, kind, version }: Case, reader: Reader): Message {
  return (kind === 'request' ? readRequest : readResponse)(api, version, reader);
}

const nameOf = ({ api, kind, version }: Case): string => `${api.name} ${kind} ${version}`;

function reasonOf(run: () => unknown): MalformedReason | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof Malformed) return error.reason;
    throw error;
  }
}

describe('every message', () => {
  const cases = casesOf(4);

  test('reads back as it was written', () => {
    for (const one of cases) {
      const reader = new Reader(written(one));
      expect(read(one, reader), nameOf(one)).toEqual(one.message);
      expect(reader.left, nameOf(one)).toBe(0);
    }
  });

  test.skipIf(javaSkipReason !== null)(
    'is understood by Kafka to the last field, and written by it the same',
    { timeout: 120_000 },
    async () => {
      const lines = cases.map((one) => `${one.api.key} ${one.version} ${one.kind} ${written(one).toString('hex')}`);
      const answers = (await runJava(`${import.meta.dirname}/../interop/WireWitness.java`, [], `${lines.join('\n')}\n`))
        .trimEnd()
        .split('\n');
      expect(answers).toHaveLength(lines.length);
      const different = lines.filter((line, i) => line.split(' ')[3] !== (answers[i] ?? ''));
      expect(different.slice(0, 3).map((line) => [line, answers[lines.indexOf(line)]])).toEqual([]);
    },
  );

  test('cut at every byte is refused', () => {
    for (const one of casesOf(1)) {
      const bytes = written(one);
      for (let end = 0; end < bytes.length; end++) {
        const reason = reasonOf(() => read(one, new Reader(bytes, 0, end)));
        expect(['truncated', 'array-too-long'], `${nameOf(one)} cut at ${end}`).toContain(reason);
      }
    }
  });
});

describe('what a version lacks', () => {
  test('reads as its default', () => {
    const writer = new Writer();
    writeRequest(fetch, 4, writer, { maxWaitMs: 5, minBytes: 1, topics: [], rackId: 'r', sessionId: 9, forgottenTopicsData: [] });
    const request = readRequest(fetch, 4, new Reader(Buffer.concat(writer.take())));
    expect(request).toMatchObject({ sessionId: 0, sessionEpoch: -1, rackId: '', forgottenTopicsData: [], replicaState: { replicaId: -1 } });
  });

  test('a null where it knows none is written as empty', () => {
    const topic = { name: null, topicId: '1'.repeat(32), isInternal: false, partitions: [] };
    const response = { brokers: [], topics: [topic], clusterId: null, controllerId: 1 };
    for (const [version, name] of [
      [11, ''],
      [12, null],
    ] as const) {
      const writer = new Writer();
      writeResponse(metadata, version, writer, response);
      expect(readResponse(metadata, version, new Reader(Buffer.concat(writer.take()))).topics[0].name).toBe(name);
    }
  });
});

describe('null and empty differ', () => {
  test.each([null, []])('for a list: %j', (topics) => {
    const writer = new Writer();
    writeRequest(metadata, 9, writer, {
      topics,
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    expect(readRequest(metadata, 9, new Reader(Buffer.concat(writer.take()))).topics).toEqual(topics);
  });

  test('for a struct', () => {
    for (const cursor of [null, { topicName: '', partitionIndex: 0 }]) {
      const writer = new Writer();
      writeRequest(describeTopicPartitions, 0, writer, { topics: [], cursor });
      expect(readRequest(describeTopicPartitions, 0, new Reader(Buffer.concat(writer.take()))).cursor).toEqual(cursor);
    }
  });

  test('null where none may be is refused', () => {
    const noMembers = Buffer.from(`00000000000000000001${'0000'.repeat(3)}ffffffff`, 'hex');
    expect(reasonOf(() => readResponse(joinGroup, 2, new Reader(noMembers)))).toBe('null-where-none-may-be');
  });
});

describe('tagged fields', () => {
  const shape = { a: int8(), b: string({ tag: 1, default: 'b' }), c: int32({ tag: 0, default: 7 }) } satisfies Shape;
  const readShape = structReader(shape, 0, true);
  const bytesOf = (message: Message): string => {
    const writer = new Writer();
    structWriter(shape, 0, true)(writer, message);
    return Buffer.concat(writer.take()).toString('hex');
  };

  test('are sent in order of their tags, and only when they differ from their default', () => {
    expect(bytesOf({ a: 1, b: 'x', c: 2 })).toBe('0102' + '000400000002' + '01020278');
    expect(bytesOf({ a: 1, b: 'b', c: 7 })).toBe('0100');
    expect(bytesOf({ a: 1 })).toBe('0100');
  });

  test('unknown ones are skipped', () => {
    expect(readShape(new Reader(Buffer.from('0102' + '01020278' + '63030a0b0c', 'hex')))).toEqual({ a: 1, b: 'x', c: 7 });
  });

  test('one that is not as long as it says is refused', () => {
    expect(reasonOf(() => readShape(new Reader(Buffer.from('0101' + '0103027800', 'hex'))))).toBe('tagged-field-size');
    expect(reasonOf(() => readShape(new Reader(Buffer.from('0101' + '63ff01', 'hex'))))).toBe('truncated');
  });

  test(`${limits.taggedFieldsMax} of one frame are read, one more is refused`, () => {
    const many = (count: number): Buffer => {
      const writer = new Writer();
      writer.int8(1);
      writer.uvarint(count);
      for (let tag = 0; tag < count; tag++) {
        writer.uvarint(100 + tag);
        writer.uvarint(0);
      }
      return Buffer.concat(writer.take());
    };
    expect(readShape(new Reader(many(limits.taggedFieldsMax)))).toEqual({ a: 1, b: 'b', c: 7 });
    expect(reasonOf(() => readShape(new Reader(many(limits.taggedFieldsMax + 1))))).toBe('too-many-tagged-fields');
  });
});

describe('lengths that lie', () => {
  const numbers = structReader({ list: array(int8()) }, 0, false);
  const listOf = (count: number, bytes: number): Buffer => {
    const frame = Buffer.alloc(4 + bytes);
    frame.writeInt32BE(count);
    return frame;
  };

  test('are refused before anything is allocated', () => {
    expect(reasonOf(() => numbers(new Reader(listOf(0x7fff_ffff, 100))))).toBe('array-too-long');
    expect(reasonOf(() => numbers(new Reader(listOf(101, 100))))).toBe('array-too-long');
    expect(reasonOf(() => numbers(new Reader(listOf(-2, 100))))).toBe('negative-length');
    expect(reasonOf(() => structReader({ s: string() }, 0, true)(new Reader(Buffer.from('ffffffff0f', 'hex'))))).toBe('string-too-long');
    expect(reasonOf(() => new Reader(Buffer.from('ffffffff1f', 'hex')).uvarint())).toBe('varint-too-long');
    expect(reasonOf(() => new Reader(Buffer.from('ffffffffff01', 'hex')).uvarint())).toBe('varint-too-long');
  });

  test('an item counts with the bytes that it has at the least', () => {
    // A topic of CreateTopics has 16 bytes or more: name 2, partitions 4, replication 2, two lists 4 each.
    const topics = (count: number): Buffer => Buffer.concat([listOf(count, 160), Buffer.alloc(5)]);
    expect(reasonOf(() => readRequest(createTopics, 2, new Reader(topics(10))))).toBe(null);
    expect(reasonOf(() => readRequest(createTopics, 2, new Reader(topics(11))))).toBe('array-too-long');
  });

  test(`${limits.wireItemsMax} items of one frame are read, one more is refused`, () => {
    const max = limits.wireItemsMax;
    expect((numbers(new Reader(listOf(max, max))) as { list: number[] }).list).toHaveLength(max);
    expect(reasonOf(() => numbers(new Reader(listOf(max + 1, max + 1))))).toBe('array-too-long');
    const two = structReader({ a: array(int8()), b: array(int8()) }, 0, false);
    expect(reasonOf(() => two(new Reader(Buffer.concat([listOf(max, max), listOf(1, 1)]))))).toBe('array-too-long');
  });

  test(`a string of ${limits.wireStringBytesMax} bytes is read, one more is refused`, () => {
    const readString = structReader({ s: string() }, 0, true);
    const text = (bytes: number): Buffer => {
      const writer = new Writer();
      writer.uvarint(bytes + 1);
      return Buffer.concat([...writer.take(), Buffer.alloc(bytes + 1)]);
    };
    expect(reasonOf(() => readString(new Reader(text(limits.wireStringBytesMax))))).toBe(null);
    expect(reasonOf(() => readString(new Reader(text(limits.wireStringBytesMax + 1))))).toBe('string-too-long');
  });
});

describe('the writer', () => {
  test('lists large byte arrays instead of copying them, and counts them', () => {
    const large = Buffer.alloc(10_000, 1);
    const writer = new Writer();
    const sized = writer.sized();
    writer.bytes(large, false);
    writer.int8(5);
    sized();
    expect(writer.length).toBe(4 + 4 + 10_000 + 1);
    const pieces = writer.take();
    expect(pieces.map(({ length }) => length)).toEqual([8, 10_000, 1]);
    expect(pieces[1].buffer).toBe(large.buffer);
    expect(pieces[0].readInt32BE(0)).toBe(4 + 10_000 + 1);
  });

  test('goes on in a new slab when one is full, and drops what is not wanted', () => {
    const writer = new Writer(100);
    writer.string('x'.repeat(60), false);
    writer.string('y'.repeat(60), false);
    expect(writer.length).toBe(124);
    writer.drop();
    expect(writer.length).toBe(0);
    writer.string('z'.repeat(300), false);
    expect(Buffer.concat(writer.take()).toString('latin1', 2)).toBe('z'.repeat(300));
  });

  test('writes the largest int64 that a number can stand for', () => {
    const writer = new Writer();
    for (const value of [2 ** 63, 2 ** 53 - 1, -(2 ** 53), -1]) writer.int64(value);
    const bytes = Buffer.concat(writer.take());
    expect([0, 8, 16, 24].map((at) => bytes.readBigInt64BE(at))).toEqual([2n ** 63n - 1n, 2n ** 53n - 1n, -(2n ** 53n), -1n]);
  });
});

test('what is malformed tells no stack, and errors after it do', () => {
  const { stackTraceLimit } = Error;
  expect(new Malformed('unsupported-version', 'why').stack).toBe('Malformed: why');
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});
