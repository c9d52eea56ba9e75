/** The asks of a host that a turn answers at once, from one partition. A disk that refuses becomes a code in the reply. */
import { errors } from '../base/errors.ts';
import { DiskError } from '../world/disk.ts';
import type { Carried } from './carried.ts';
import type { Partition } from './partition.ts';
import { type HostAskOf, type HostReplyOf, times } from './protocol.ts';

export function listOffsets(carried: Carried<unknown>, ask: HostAskOf<'listOffsets'>): HostReplyOf<'listOffsets'> {
  return answer(
    carried,
    ask.slot,
    { verb: 'listOffsets', id: ask.id, error: 0, offset: -1, timestampMs: -1, leaderEpoch: -1 },
    ({ log, spec }) => {
      if (ask.timestampMs === times.latest) return { offset: log.committedOffset, leaderEpoch: spec.leaderEpoch };
      if (ask.timestampMs === times.earliest) return { offset: log.startOffset, leaderEpoch: spec.leaderEpoch };
      const found = ask.timestampMs === times.maxTimestamp ? log.maxTimestamp() : log.offsetForTimestamp(ask.timestampMs);
      if (found === null || found.offset >= log.committedOffset) return {};
      return { offset: found.offset, timestampMs: found.timestampMs, leaderEpoch: spec.leaderEpoch };
    },
  );
}

export function deleteRecords(carried: Carried<unknown>, ask: HostAskOf<'deleteRecords'>): HostReplyOf<'deleteRecords'> {
  return answer(carried, ask.slot, { verb: 'deleteRecords', id: ask.id, error: 0, startOffset: -1 }, ({ log }) => {
    // As in Kafka: what is kept, or compacted alone, is not deleted from its start.
    if (!log.config.cleanupDelete) return { error: errors.POLICY_VIOLATION.code };
    const before = ask.beforeOffset === -1 ? log.committedOffset : ask.beforeOffset;
    if (before < 0 || before > log.committedOffset) return { error: errors.OFFSET_OUT_OF_RANGE.code, startOffset: log.startOffset };
    log.deleteBefore(before);
    return { startOffset: log.startOffset };
  });
}

export function describeProducers(carried: Carried<unknown>, ask: HostAskOf<'describeProducers'>): HostReplyOf<'describeProducers'> {
  const none: HostReplyOf<'describeProducers'> = { verb: 'describeProducers', id: ask.id, error: 0, producers: [] };
  return answer(carried, ask.slot, none, ({ sequences }) => ({ producers: sequences.producers() }));
}

export function verify(carried: Carried<unknown>, ask: HostAskOf<'verify'>): HostReplyOf<'verify'> {
  return answer(carried, ask.slot, { verb: 'verify', id: ask.id, error: 0, nextOffset: -1 }, ({ log }) => ({
    nextOffset: log.verify(ask.offset),
  }));
}

function answer<R extends { error: number }>(
  carried: Carried<unknown>,
  slot: number,
  zero: R,
  work: (partition: Partition) => Partial<R>,
): R {
  const partition = carried.get(slot);
  if (partition === undefined) return { ...zero, error: carried.unknownSlot(slot) };
  try {
    return { ...zero, ...work(partition) };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return { ...zero, error: errors.KAFKA_STORAGE_ERROR.code };
  }
}
