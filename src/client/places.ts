/** What a consumer is told to read and from where: topics, partitions and places in them, checked before anything is asked. */
import { BusError } from '../base/errors.ts';
import { checkInteger, checkList, checkText, shown } from './check.ts';
import { checkTopic, type Topic } from './topic.ts';

export interface TopicPartition {
  topic: string;
  partition: number;
}

/** A place in a partition: an offset, 'beginning', 'end', or the first record at or after a time in milliseconds. */
export type SeekTarget = number | 'beginning' | 'end' | { timestamp: number };

export type Assignable = string | TopicPartition | Topic<unknown, unknown, unknown>;

/** A topic to be read, as a whole or one partition of it. */
export interface Wanted {
  topic: string;
  /** Undefined: all. */
  partition: number | undefined;
  /** Undefined for a topic by name. */
  declared: Topic<unknown, unknown, unknown> | undefined;
}

/** Throws BusError INVALID_ARGUMENT for what names no topic and no partition. */
export function checkWanted(what: unknown): Wanted[] {
  return (Array.isArray(what) ? (what as unknown[]) : [what]).map(wantedOf);
}

function wantedOf(one: unknown): Wanted {
  if (typeof one === 'string') return { topic: one, partition: undefined, declared: undefined };
  if (typeof one === 'object' && one !== null && 'name' in one) {
    const declared = checkTopic(one);
    return { topic: declared.name, partition: undefined, declared };
  }
  return { ...checkPlace('assign', one), declared: undefined };
}

/** Which partitions a seek means. Throws BusError INVALID_ARGUMENT. */
export function checkWhere(where: unknown): { topic: string; partition: number | undefined } {
  if (typeof where === 'string') return { topic: where, partition: undefined };
  if (typeof where === 'object' && where !== null && !('partition' in where)) {
    return { topic: checkText('topic', (where as { topic?: unknown }).topic), partition: undefined };
  }
  return checkPlace('seek', where);
}

/** Partitions by topic and number. Throws BusError INVALID_ARGUMENT. */
export function checkPlaces(what: string, places: unknown): TopicPartition[] {
  return checkList(`what ${what} takes`, places).map((place) => checkPlace(what, place));
}

function checkPlace(what: string, place: unknown): TopicPartition {
  if (typeof place !== 'object' || place === null || !('topic' in place) || !('partition' in place)) {
    throw new BusError('INVALID_ARGUMENT', `${what} takes topics and { topic, partition }, not ${shown(place)}`);
  }
  return { topic: checkText('topic', place.topic), partition: checkInteger('partition', place.partition, 0, 2 ** 31 - 1) };
}

/** Throws BusError INVALID_ARGUMENT for what is no place in a partition. */
export function checkTarget(target: unknown): SeekTarget {
  if (target === 'beginning' || target === 'end') return target;
  if (typeof target === 'number') return checkInteger('offset', target, 0, Number.MAX_SAFE_INTEGER);
  if (typeof target === 'object' && target !== null && 'timestamp' in target) {
    return { timestamp: checkInteger('timestamp', target.timestamp, 0, Number.MAX_SAFE_INTEGER) };
  }
  throw new BusError('INVALID_ARGUMENT', `a place is an offset, 'beginning', 'end' or { timestamp }, not ${shown(target)}`);
}

/** Names a partition in tables. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}\u0000${partition}`;
}
