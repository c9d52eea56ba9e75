/** What administration of groups is asked for, checked and put into the protocol's shape. */
import { BusError } from '../base/errors.ts';
import type { GroupState, GroupType } from '../coordinator/groups/protocol.ts';
import { checkFlag, checkInteger, checkList, checkNames, checkNumber, checkObject, checkOneOf, checkText, shown } from './check.ts';
import { checkPlaces, type TopicPartition } from './places.ts';

/** Where committed offsets are moved to. What lies outside of a log is moved to its nearer end. */
export type ResetTarget =
  | 'earliest'
  | 'latest'
  /** This offset. */
  | number
  /** The first record at or after a time in milliseconds since the epoch; the end when there is none. */
  | { timestamp: number }
  /** The first record of the last so many milliseconds. */
  | { agoMs: number }
  /** So many records on from what is committed, or back when negative. */
  | { shiftBy: number }
  /** So many records before the end of each partition. */
  | { fromEnd: number };

export interface ResetOptions {
  to: ResetTarget;
  /** Topics, or partitions of them. Default: all of which the group has committed something. */
  topics?: readonly (string | TopicPartition)[] | undefined;
  /** Only tell what would be done. Default false. */
  dryRun?: boolean | undefined;
}

/** Committed offsets as a document: JSON-able, to be imported here or elsewhere. */
export interface OffsetsExport {
  format: 'spillway-offsets';
  version: 1;
  groups: {
    groupId: string;
    offsets: { topic: string; partition: number; offset: number; leaderEpoch: number; metadata: string }[];
  }[];
}

export interface QuotaChange {
  /** Bytes per second that all producers of the client id may send together; null: no quota of its own (Kafka: producer_byte_rate). */
  producerByteRate?: number | null;
  /** Bytes per second that all its consumers may fetch together (Kafka: consumer_byte_rate). */
  consumerByteRate?: number | null;
}

export type CheckedTarget =
  | { kind: 'earliest' | 'latest' }
  | { kind: 'offset'; offset: number }
  | { kind: 'time'; ms: number; isAgo: boolean }
  | { kind: 'shift'; by: number }
  | { kind: 'fromEnd'; count: number };

/** Throws BusError INVALID_ARGUMENT; what an id may be beyond a text the coordinator knows. */
export function checkGroupId(groupId: unknown): string {
  return checkText('a group’s id', groupId);
}

/** Above all for a single id, which is a list of letters. Throws BusError INVALID_ARGUMENT. */
export function checkGroupIds(what: string, groupIds: unknown): string[] {
  return checkList(`what ${what} takes`, groupIds).map(checkGroupId);
}

export function checkReset(
  groupId: unknown,
  options: unknown,
): { what: (string | TopicPartition)[] | null; to: CheckedTarget; dryRun: boolean } {
  checkGroupId(groupId);
  checkNames('admin.resetOffsets', options, ['to', 'topics', 'dryRun']);
  const { to, topics, dryRun } = options as Record<string, unknown>;
  return { what: topics === undefined ? null : checkWhat(topics), to: checkTarget(to), dryRun: checkFlag('dryRun', dryRun ?? false) };
}

function checkWhat(topics: unknown): (string | TopicPartition)[] {
  return checkList('topics', topics).map((one) => (typeof one === 'string' ? one : checkPlaces('resetOffsets', [one])[0]));
}

const aims = ['timestamp', 'agoMs', 'shiftBy', 'fromEnd'] as const;

function checkTarget(to: unknown): CheckedTarget {
  if (to === 'earliest' || to === 'latest') return { kind: to };
  if (typeof to === 'number') return { kind: 'offset', offset: checkInteger('to', to, 0, Number.MAX_SAFE_INTEGER) };
  const named = typeof to === 'object' && to !== null ? Object.entries(to) : [];
  if (named.length !== 1) {
    const what = `to is an offset, 'earliest', 'latest', { timestamp }, { agoMs }, { shiftBy } or { fromEnd }, not ${shown(to)}`;
    throw new BusError('INVALID_ARGUMENT', what, { details: { to } });
  }
  const [name, value] = named[0];
  switch (checkOneOf('what offsets are reset by', name, aims)) {
    case 'timestamp':
      return { kind: 'time', ms: checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER), isAgo: false };
    case 'agoMs':
      return { kind: 'time', ms: checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER), isAgo: true };
    case 'shiftBy':
      return { kind: 'shift', by: checkInteger(name, value, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) };
    case 'fromEnd':
      return { kind: 'fromEnd', count: checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER) };
  }
}

/** Throws BusError INVALID_DATA that names what is wrong: a document comes from a file. */
export function checkExport(document: unknown): OffsetsExport {
  try {
    const { format, version, groups } = checkObject('what importOffsets takes', document);
    if (format !== 'spillway-offsets' || version !== 1)
      throw new BusError('INVALID_ARGUMENT', `it is no export of offsets: format ${shown(format)}, version ${shown(version)}`);
    const checked = checkList('groups', groups).map((group) => {
      const { groupId, offsets } = checkObject('a group', group);
      return { groupId: checkGroupId(groupId), offsets: checkList('offsets', offsets).map(checkOffset) };
    });
    return { format, version, groups: checked };
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    throw new BusError('INVALID_DATA', `nothing was imported: ${error.message}`, { cause: error });
  }
}

function checkOffset(row: unknown): OffsetsExport['groups'][number]['offsets'][number] {
  const { topic, partition, offset, leaderEpoch, metadata } = checkObject('an offset', row);
  return {
    topic: checkText('topic', topic),
    partition: checkInteger('partition', partition, 0, 2 ** 31 - 1),
    offset: checkInteger('offset', offset, 0, Number.MAX_SAFE_INTEGER),
    leaderEpoch: checkInteger('leaderEpoch', leaderEpoch ?? -1, -1, 2 ** 31 - 1),
    metadata: checkText('metadata', metadata ?? ''),
  };
}

const states: readonly GroupState[] = ['Empty', 'Assigning', 'Reconciling', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'];

export function checkListing(options: unknown): { states: GroupState[]; types: GroupType[] } {
  checkNames('admin.listGroups', options, ['states', 'types']);
  const { states: wanted, types } = options as Record<string, unknown>;
  return {
    states: checkList('states', wanted ?? []).map((state) => checkOneOf('a state', state, states)),
    types: checkList('types', types ?? []).map((type) => checkOneOf('a type', type, ['consumer', 'classic'] as const)),
  };
}

/** The client id (null: all that have no quota of their own), and the changes in Kafka's words. */
export function checkQuota(clientId: unknown, change: unknown): { clientId: string | null; ops: { key: string; value: number | null }[] } {
  checkNames('admin.alterQuotas', change, ['producerByteRate', 'consumerByteRate']);
  const { producerByteRate, consumerByteRate } = change as Record<string, unknown>;
  const ops: { key: string; value: number | null }[] = [];
  const take = (name: string, key: string, value: unknown): void => {
    if (value !== undefined) ops.push({ key, value: value === null ? null : checkNumber(name, value) });
  };
  take('producerByteRate', 'producer_byte_rate', producerByteRate);
  take('consumerByteRate', 'consumer_byte_rate', consumerByteRate);
  return { clientId: clientId === null ? null : checkText('a client id', clientId), ops };
}
