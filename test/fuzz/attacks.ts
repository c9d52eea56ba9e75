/**
 * What clients with a bug, or enemies, send to a listener: requests of every API and version with something wrong in them. Each is the bytes
 * of one connection, in the pieces in which they come.
 */
import { limits } from '../../src/base/limits.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { apis } from '../../src/kafka/apis.ts';
import { writeRequestHeader } from '../../src/kafka/frame.ts';
import { type Api, type Encodable, ZERO_UUID } from '../../src/kafka/schema.ts';
import { writeRequest } from '../../src/kafka/write-fields.ts';
import { Writer } from '../../src/kafka/writer.ts';
import type { Random } from '../../src/world/random.ts';
import { anyMessage } from '../kafka/messages.ts';
import { frameOf, mutated } from './frames.ts';
import { bombBatch, mutatedKeptBatch } from './records.ts';

export interface Attack {
  kind: string;
  api: Api;
  version: number;
  pieces: Buffer[];
}

export const TOPICS = ['topic-1', 'a'];
export const TOPIC_PARTITIONS = 2;
/** A bomb that is refused by its bound, and what an attack of this kind costs: a few among many. */
const BOMB_BYTES = limits.producedBytesMax + (1 << 20);
const BOMB_EVERY = 10_000;
const BOMB_AT = 999;

/** Every cut of every API and version, one after the other, and between them all the others. */
export function attackOf(random: Random, number: number): Attack {
  if (number % BOMB_EVERY === BOMB_AT) return produceAttack('bomb', bombBatch(random, BOMB_BYTES), random);
  if (number % 4 === 0) return cutAttack(random, number / 4);
  const api: Api = apis[random.below(apis.length)];
  const version = anyVersion(api, random);
  switch (random.below(6)) {
    case 0:
    case 1:
      return { kind: 'lie', api, version, pieces: inPieces(lyingFrame(api, version, random), random) };
    case 2:
      return produceAttack('records', mutatedKeptBatch(random), random);
    case 3:
      return fetchAttack(random);
    default: {
      const frames = Array.from({ length: 1 + random.below(2) }, () => frameOf(api, version, true, random));
      frames.push(mutated(frameOf(api, version, true, random), random));
      return { kind: 'mutated', api, version, pieces: inPieces(Buffer.concat(frames), random) };
    }
  }
}

/** How many cuts there are: frames of each API and version, as long as those of `cutAttack`. */
function cutAttack(random: Random, number: number): Attack {
  const versions = apis.flatMap((api: Api) =>
    Array.from({ length: api.versions[1] - api.versions[0] + 1 }, (_, i) => ({ api, version: api.versions[0] + i })),
  );
  const { api, version } = versions[number % versions.length];
  const frame = frameOf(api, version, true, random);
  const at = Math.floor(number / versions.length) % frame.length;
  const bytes = Buffer.from(frame.subarray(0, at));
  // Cut short on the way, or by a sender that says so.
  if (at > 4 && random.below(2) === 0) bytes.writeInt32BE(at - 4, 0);
  return { kind: 'cut', api, version, pieces: inPieces(bytes, random) };
}

/** One of its lengths is what it is not. */
function lyingFrame(api: Api, version: number, random: Random): Buffer {
  const message = anyMessage(api.request, version, random.below(2 ** 31)) as never;
  const count = lengthsOf(api, version, message, -1, 0).count;
  const { bytes } = lengthsOf(api, version, message, random.below(Math.max(1, count)), random.below(LIES));
  return bytes;
}

const LIES = 9;

/** The frame, and how many lengths are in it; the `which`-th is written as a lie. */
function lengthsOf(api: Api, version: number, message: never, which: number, lie: number): { bytes: Buffer; count: number } {
  const writer = new Writer(1024);
  const sized = writer.sized();
  writeRequestHeader(writer, api, version, 7, 'fuzz');
  let count = 0;
  const honestLength = writer.writeLength.bind(writer);
  const honestVarint = writer.uvarint.bind(writer);
  const told = (length: number): number => [-1, 0, 0x7fff_fffe, -2, length + 1, length - 1, 1_000_001, 32_768, 10_001][lie] ?? length;
  writer.writeLength = (length, flexible, short) => {
    if (count++ !== which) return honestLength(length, flexible, short);
    const value = told(length);
    if (flexible) honestVarint(Math.max(0, value + 1));
    else if (short) writer.int16(Math.max(-0x8000, Math.min(0x7fff, value)));
    else writer.int32(value);
  };
  // Counts and sizes of tagged fields.
  writer.uvarint = (value) => honestVarint(count++ === which ? Math.max(0, told(value)) : value);
  writeRequest(api, version, writer, message);
  sized();
  return { bytes: Buffer.concat(writer.take()), count };
}

/** A Produce to a topic that is there: its records are all that is wrong. */
function produceAttack(kind: string, records: Buffer, random: Random): Attack {
  const version = anyVersion(produce, random, 12);
  const index = random.below(TOPIC_PARTITIONS + 1);
  const topicData = [{ name: TOPICS[random.below(TOPICS.length)], topicId: ZERO_UUID, partitionData: [{ index, records }] }];
  const acks = [-1, -1, -1, 1, 0, 2][random.below(6)];
  return {
    kind,
    api: produce,
    version,
    pieces: inPieces(framed(produce, version, { transactionalId: null, acks, timeoutMs: 500, topicData }), random),
  };
}

const edges = [-1, 0, 1, 2, 100, 0x7fff_ffff, -0x8000_0000];

/** A Fetch of topics that are there, with numbers at the edges of what fields can hold. */
function fetchAttack(random: Random): Attack {
  const version = anyVersion(fetch, random, 12);
  const edge = (): number => edges[random.below(edges.length)];
  const topics = Array.from({ length: random.below(3) }, () => ({
    topic: TOPICS[random.below(TOPICS.length)],
    topicId: ZERO_UUID,
    partitions: Array.from({ length: random.below(4) }, () => ({
      partition: [0, 1, 2, -1][random.below(4)],
      fetchOffset: random.below(4) === 0 ? edge() * 2 ** 20 : random.below(50),
      partitionMaxBytes: edge(),
      currentLeaderEpoch: [-1, -1, 0, 5][random.below(4)],
    })),
  }));
  const forgottenTopicsData = random.below(4) === 0 ? [{ topic: TOPICS[0], topicId: ZERO_UUID, partitions: [0, 7] }] : [];
  const message = {
    maxWaitMs: [0, 1, 5, -1, -0x8000_0000][random.below(5)],
    minBytes: edge(),
    maxBytes: edge(),
    isolationLevel: random.below(3) - 1,
    sessionId: version < 7 ? 0 : [0, 0, edge()][random.below(3)],
    sessionEpoch: version < 7 ? -1 : [-1, 0, edge()][random.below(3)],
    rackId: '',
    topics,
    forgottenTopicsData: version < 7 ? [] : forgottenTopicsData,
  };
  return { kind: 'fetch', api: fetch, version, pieces: inPieces(framed(fetch, version, message), random) };
}

function framed<A extends Api>(api: A, version: number, message: Encodable<A['request']>): Buffer {
  const writer = new Writer(1024);
  const sized = writer.sized();
  writeRequestHeader(writer, api, version, 7, 'fuzz');
  writeRequest(api, version, writer, message as never);
  sized();
  return Buffer.concat(writer.take());
}

function anyVersion({ versions: [first, last] }: Api, random: Random, max = 99): number {
  return first + random.below(Math.min(last, max) - first + 1);
}

/** As a network delivers them: mostly whole, sometimes in pieces of any size. */
function inPieces(bytes: Buffer, random: Random): Buffer[] {
  if (bytes.length < 2 || random.below(3) > 0) return [bytes];
  const pieces: Buffer[] = [];
  const size = 1 + random.below(bytes.length);
  for (let at = 0; at < bytes.length; at += size) pieces.push(Buffer.from(bytes.subarray(at, at + size)));
  return pieces;
}
