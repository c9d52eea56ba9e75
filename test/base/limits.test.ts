/**
 * Every row of the table of limits is held by a test that goes to the bound and one beyond: here, or in the file that the table below
 * names. Who adds a limit adds its row and its test.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { checkBusOptions } from '../../src/bus/options.ts';
import { checkConsumerOptions } from '../../src/client/consumer-options.ts';
import { wordsOf } from '../../src/client/run/dead-letters.ts';
import { checkRunOptions } from '../../src/client/run/run-options.ts';
import { Waiters } from '../../src/client/waiters.ts';
import { viewTopics } from '../../src/coordinator/groups/decision.ts';
import { commitOffsets } from '../../src/coordinator/offsets/offsets.ts';
import { alterQuotas } from '../../src/coordinator/offsets/quotas.ts';
import { apply, emptyState } from '../../src/coordinator/state.ts';
import { Throttles } from '../../src/dispatch/throttles.ts';
import { mustRoll } from '../../src/log/append.ts';
import { type FileHolder, OpenFiles } from '../../src/log/shared.ts';
import { LogState } from '../../src/log/state.ts';
import { ParkedReads } from '../../src/partition/parked.ts';
import { Partition } from '../../src/partition/partition.ts';
import { Sequences } from '../../src/partition/sequences.ts';
import { compressions, decompress } from '../../src/record/compression.ts';
import { Arena } from '../../src/world/arena.ts';
import { realClock } from '../../src/world/clock.ts';
import { seededRandom } from '../../src/world/random.ts';
import { config, openLog, TOPIC_ID, world } from '../log/fixtures.ts';

const here = 'test/base/limits.test.ts';

/** Where each limit is held to, and words of the test where these are not `limits.NAME`. */
const proofs: Record<string, { file: string; words?: string }> = {
  partitionsMax: { file: 'test/coordinator/topics.test.ts' },
  topicPartitionsMax: { file: 'test/coordinator/topics.test.ts' },
  topicsMax: { file: 'test/coordinator/topics.test.ts' },
  topicNameMax: { file: 'test/coordinator/topics.test.ts' },
  recordBytesMax: { file: 'test/record/batch-write.test.ts' },
  recordHeadersMax: { file: 'test/record/batch-write.test.ts' },
  batchRecordsMax: { file: 'test/record/batch-write.test.ts' },
  refusedRecordsMax: { file: 'test/partition/partition.test.ts' },
  producedBytesMax: { file: 'test/partition/partition.test.ts' },
  decompressedBytesMax: { file: here },
  memoryBytesMin: { file: here },
  memoryBytesMax: { file: here },
  memoryBytesDefault: { file: here },
  brokerMemoryBytesDefault: { file: 'test/cli/run/settings.test.ts' },
  frameBytes: { file: here },
  hostsMax: { file: here },
  dispatchersMax: { file: 'test/coordinator/coordinator.test.ts' },
  asksInFlightMax: { file: 'test/coordinator/coordinator.test.ts' },
  sendsWaitingMax: { file: here },
  commitsWaitingMax: { file: 'test/client/group/commits.test.ts' },
  fetchSessionsMax: { file: here },
  parkedReadsMax: { file: here },
  producersPerPartitionMax: { file: here },
  fetchBytesMax: { file: here },
  segmentsMax: { file: here },
  openFilesMax: { file: here },
  damagesMax: { file: here },
  damagesToldMax: { file: here },
  groupsMax: { file: 'test/groups/groups.test.ts' },
  groupMembersMax: { file: 'test/groups/groups.test.ts' },
  groupNameMax: { file: 'test/groups/groups.test.ts' },
  groupTopicsMax: { file: 'test/groups/groups.test.ts' },
  groupPatternMax: { file: 'test/groups/groups.test.ts' },
  groupPatternStepsMax: { file: 'test/groups/pattern.test.ts' },
  clientsToldMax: { file: here },
  connectionsMax: { file: 'test/kafka/connections.test.ts', words: 'connectionsMax: 2' },
  connectionRequestsMax: { file: 'test/kafka/connections.test.ts' },
  connectionBytesMax: { file: 'test/kafka/connections.test.ts' },
  wireSessionsMax: { file: 'test/kafka/fetch-sessions.test.ts' },
  groupMetadataBytesMax: { file: 'test/groups/groups.test.ts' },
  groupsExpiredAtOnceMax: { file: 'test/groups/groups.test.ts' },
  committedOffsetsMax: { file: here },
  offsetMetadataMax: { file: 'test/coordinator/group-turn.test.ts', words: 'metadata at the bound' },
  quotasMax: { file: here },
  clientIdMax: { file: here },
  groupHistoryMax: { file: 'test/groups/groups.test.ts' },
  eventsKeptMax: { file: 'test/coordinator/coordinator.test.ts' },
  wireItemsMax: { file: 'test/kafka/codec.test.ts' },
  taggedFieldsMax: { file: 'test/kafka/codec.test.ts' },
  wireStringBytesMax: { file: 'test/kafka/codec.test.ts' },
  frameBytesMax: { file: 'test/kafka/frame.test.ts' },
  handlersAtOnceMax: { file: here },
  handlerThreadsMax: { file: here },
  windowRecordsMax: { file: here },
  deadLetterErrorMax: { file: here },
  bootstrapBrokersMax: { file: 'test/bus/remote.test.ts' },
  responseBytesMax: { file: 'test/kafka/remote/requests.test.ts' },
  requestsInFlightMax: { file: 'test/kafka/remote/requests.test.ts' },
  connectionsIdleMax: { file: 'test/kafka/remote/requests.test.ts' },
  configValueMax: { file: 'test/coordinator/config-values.test.ts' },
  mirrorRunsMax: { file: 'test/client/mirror/offset-map.test.ts' },
  configFileBytesMax: { file: 'test/cli/run/settings.test.ts' },
};

describe('the table', () => {
  const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

  test.each(Object.keys(limits))('%s is held to by a test', (name) => {
    const proof = proofs[name];
    const advice = `write a test that goes to limits.${name} and one beyond it, and name its file in the table "proofs" of ${here}`;
    expect(proof, advice).toBeDefined();
    const words = proof.words ?? `limits.${name}`;
    expect(read(proof.file).includes(words), `${proof.file} does not hold "${words}": ${advice}`).toBe(true);
  });

  test('names no limit that is gone', () => {
    expect(Object.keys(proofs).filter((name) => !(name in limits))).toEqual([]);
  });
});

/** The code that a call is refused with; 'none' when it is not. */
function codeOf(call: () => unknown): string {
  try {
    call();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('options', () => {
  const module = 'file:///handlers.js';
  const handler = (): void => {};
  test.each<[string, number, (value: number) => unknown]>([
    ['memoryBytesMax', limits.memoryBytesMax, (memoryBytesMax) => checkBusOptions({ memoryBytesMax })],
    ['hosts', limits.hostsMax, (hosts) => checkBusOptions({ hosts })],
    ['fetchBytesMax', limits.fetchBytesMax, (fetchBytesMax) => checkConsumerOptions({ fetchBytesMax })],
    ['partitionBytesMax', limits.fetchBytesMax, (partitionBytesMax) => checkConsumerOptions({ partitionBytesMax })],
    ['concurrency', limits.handlersAtOnceMax, (concurrency) => checkRunOptions({ eachRecord: handler, concurrency })],
    ['threads', limits.handlerThreadsMax, (threads) => checkRunOptions({ module, threads })],
    ['windowRecords', limits.windowRecordsMax, (windowRecords) => checkRunOptions({ eachRecord: handler, order: 'key', windowRecords })],
  ])('%s is taken at the bound and refused beyond it', (_, bound, check) => {
    expect(codeOf(() => check(bound))).toBe('none');
    expect(codeOf(() => check(bound + 1))).toBe('INVALID_ARGUMENT');
  });

  test('memory has a least and a default', () => {
    expect(codeOf(() => checkBusOptions({ memoryBytesMax: limits.memoryBytesMin }))).toBe('none');
    expect(codeOf(() => checkBusOptions({ memoryBytesMax: limits.memoryBytesMin - 1 }))).toBe('INVALID_ARGUMENT');
    expect(checkBusOptions({}).memoryBytesMax).toBe(limits.memoryBytesDefault);
  });
});

describe('what one thread takes', () => {
  test('sends that wait: the next is refused at once', async () => {
    const waiters = new Waiters({ clock: realClock, hold: () => {}, release: () => {} });
    const late = (): never => {
      throw new Error('nobody is late');
    };
    const wait = () => waiters.wait({ attempt: () => 'full', about: waiters, blockMs: Number.POSITIVE_INFINITY, late });
    const waiting = Array.from({ length: limits.sendsWaitingMax }, wait);
    await expect(wait()).rejects.toMatchObject({ code: 'BUFFER_FULL' });
    expect(waiters.sends).toBe(waiting.length);
  });

  const fetch = { verb: 'fetch' as const, changes: new Float64Array([0, 0, 1]), bytesMin: 1, bytesMax: 1, waitMs: 1000 };
  const nobody = { get: () => undefined };

  test('fetch sessions: the one that is idle for longest makes room, and when none is the next is refused', () => {
    const reads = new ParkedReads(nobody);
    const owner = {};
    const answers: number[] = [];
    const ask = (session: number) =>
      reads.fetch(owner, { ...fetch, id: session, session, fresh: true }, 0, ({ error }) => answers.push(error));
    for (let session = 1; session <= limits.fetchSessionsMax; session++) ask(session);
    expect(answers).toEqual([]);
    ask(limits.fetchSessionsMax + 1);
    expect(answers).toEqual([errors.LIMIT_REACHED.code]);
    reads.wake(owner, 7, false);
    ask(limits.fetchSessionsMax + 2);
    expect(answers).toHaveLength(2);
    expect(reads.parkedCount).toBe(limits.fetchSessionsMax);
  });

  test('reads that wait: the next is refused', () => {
    const reads = new ParkedReads(nobody);
    const answers: number[] = [];
    for (let id = 0; id <= limits.parkedReadsMax; id++) {
      reads.fetch({}, { ...fetch, id, session: 0, fresh: true }, 0, ({ error }) => answers.push(error));
    }
    expect(answers).toEqual([errors.LIMIT_REACHED.code]);
    expect(reads.parkedCount).toBe(limits.parkedReadsMax);
  });

  test('producers of a partition: the least recently seen is forgotten, also of those that a snapshot brings', () => {
    const sequences = new Sequences();
    for (let id = 0; id < limits.producersPerPartitionMax; id++) sequences.note(id, 0, 0, 1, id, 1000);
    expect(sequences.size).toBe(limits.producersPerPartitionMax);
    sequences.note(limits.producersPerPartitionMax, 0, 0, 1, 0, 1000);
    expect(sequences.size).toBe(limits.producersPerPartitionMax);
    // Known, it would be refused for the gap before it; forgotten, it may go on.
    expect([0, 1].map((id) => sequences.check(id, 0, 5, 1).append)).toEqual([true, false]);
    const loaded = new Sequences();
    loaded.load([...sequences.snapshot(), { ...sequences.snapshot()[0], producerId: -7 }]);
    expect(loaded.size).toBe(limits.producersPerPartitionMax);
  });

  test('client ids that are told of, and so held to their quotas', () => {
    const throttles = new Throttles(realClock, () => {});
    for (let i = 0; i < limits.clientsToldMax; i++) throttles.enter('produce', `c${i}`);
    expect(throttles.take()).toHaveLength(limits.clientsToldMax);
    throttles.enter('fetch', 'one more');
    expect(throttles.take()).toHaveLength(limits.clientsToldMax);
  });

  test('a frame of the arena holds so many bytes', () => {
    const arena = Arena.create({ framesMax: 2, frameBytes: limits.frameBytes, slotsMax: 1 });
    expect(arena.handle.frameBytes).toBe(limits.frameBytes);
  });
});

describe('a log', () => {
  test('has so many segments; then the last one grows', () => {
    const rolls = (segments: number): boolean => {
      const active = { size: 100, firstTimestamp: -1, baseOffset: 0, indexFull: false };
      const log = { active, segments: { length: segments }, config: { ...config, segmentBytes: 100 }, folder: '/data/t-0' };
      return mustRoll(log as unknown as LogState, 10, 5, 0);
    };
    expect(rolls(limits.segmentsMax - 1)).toBe(true);
    expect(rolls(limits.segmentsMax)).toBe(false);
  });

  test('keeps so many files open; then the one that was not used for longest is closed', () => {
    const files = new OpenFiles();
    const closed: number[] = [];
    const open = (number: number): void => {
      const holder: FileHolder = {
        mayClose: () => true,
        closeFile: () => {
          closed.push(number);
          files.closed(holder);
        },
      };
      files.opened(holder);
    };
    for (let number = 0; number < limits.openFilesMax; number++) open(number);
    expect(closed).toEqual([]);
    open(limits.openFilesMax);
    expect(closed).toEqual([0]);
    expect(files.count).toBe(limits.openFilesMax);
  });

  const damage = (at: number) => ({ firstOffset: at, nextOffset: at + 1, path: '', position: 10 * at, length: 10 });

  test('remembers so many damages; then the last one takes in what follows', () => {
    const segment = { damages: Array.from({ length: limits.damagesMax - 1 }, (_, i) => damage(i)) };
    const add = (at: number): void => LogState.prototype.addDamage.call({ segments: [segment] } as never, segment as never, damage(at));
    add(limits.damagesMax - 1);
    expect(segment.damages).toHaveLength(limits.damagesMax);
    add(limits.damagesMax + 5);
    expect(segment.damages).toHaveLength(limits.damagesMax);
    expect(segment.damages.at(-1)).toMatchObject({ firstOffset: limits.damagesMax - 1, nextOffset: limits.damagesMax + 6, length: 70 });
  });

  test.each([
    [0, 0],
    [1, 0],
  ])('tells so many damages, and no more (%i beyond)', (beyond) => {
    const spec = { slot: 0, topic: 't', topicId: TOPIC_ID, partition: 0, leaderEpoch: 0, config };
    const log = openLog(world());
    Object.defineProperty(log, 'damages', { value: Array.from({ length: limits.damagesToldMax + beyond }, (_, i) => damage(i)) });
    expect(new Partition(spec, log, new Sequences(), { state: () => {} }).describe().quarantined).toHaveLength(limits.damagesToldMax);
  });

  test('grows a batch to so many bytes when it is read: one that tells more is not begun', () => {
    // A zstd frame that tells its size in 8 bytes, and holds nothing.
    const telling = (bytes: number): Buffer => {
      const frame = Buffer.from('28b52ffde0000000000000000001000000000000', 'hex');
      frame.writeBigUInt64LE(BigInt(bytes), 5);
      return frame;
    };
    expect(codeOf(() => decompress(compressions.zstd, telling(limits.decompressedBytesMax)))).toBe('CORRUPT_MESSAGE');
    expect(codeOf(() => decompress(compressions.zstd, telling(limits.decompressedBytesMax + 1)))).toBe('MESSAGE_TOO_LARGE');
  });
});

describe('the coordinator', () => {
  test('keeps so many committed offsets; further partitions are refused', () => {
    const state = emptyState(10);
    apply(state, { fact: 'busMade', busId: 'b', hosts: 1 });
    apply(state, { fact: 'topicCreated', epoch: 1, name: 't', topicId: TOPIC_ID, slots: [0, 1], configs: {}, createdMs: 0 });
    state.offsets.count = limits.committedOffsetsMax - 1;
    const row = (partition: number) => ({ topic: 't', partition, offset: 1, leaderEpoch: -1, metadata: '' });
    const ask = { groupId: 'g', memberId: '', instanceId: null, epoch: -1, synced: false, offsets: [row(0), row(1)] };
    const around = { nowMs: 0, monotonicMs: 0, random: seededRandom(1), topics: viewTopics(state), settings: {} as never };
    const { reply } = commitOffsets(state, { verb: 'offsetCommit', id: 1, ...ask }, around);
    expect(reply.offsets).toEqual([{ topic: 't', partition: 1, error: errors.LIMIT_REACHED.code }]);
  });

  test('keeps quotas of so many client ids, of so many characters', () => {
    const state = emptyState(1);
    const set = (clientId: string): number => {
      const ops = [{ key: 'producer_byte_rate', value: 1000 }];
      const { facts, reply } = alterQuotas(state, { verb: 'alterQuotas', id: 1, clientId, ops, validateOnly: false });
      for (const fact of facts) apply(state, fact);
      return reply.error;
    };
    expect(set('c'.repeat(limits.clientIdMax))).toBe(0);
    expect(set('c'.repeat(limits.clientIdMax + 1))).toBe(errors.INVALID_REQUEST.code);
    for (let i = 1; i < limits.quotasMax; i++) expect(set(`c${i}`)).toBe(0);
    expect(set('one more')).toBe(errors.INVALID_REQUEST.code);
    expect(set('c1')).toBe(0);
    expect(state.quotas.size).toBe(limits.quotasMax);
  });
});

test('a dead letter tells so many characters of its error', () => {
  const told = (length: number): string => wordsOf('x'.repeat(length));
  const around = wordsOf('').length;
  expect(told(limits.deadLetterErrorMax - around)).toHaveLength(limits.deadLetterErrorMax);
  expect(told(limits.deadLetterErrorMax - around + 1).length).toBeLessThan(limits.deadLetterErrorMax);
});
