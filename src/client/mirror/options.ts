/** What a mirror may be told. */
import { BusError } from '../../base/errors.ts';
import { type CompressionName, compressions } from '../../record/compression.ts';
import { checkFunction, checkText, shown } from '../check.ts';
import { type Choice, type OptionTable, readOptions } from '../option-table.ts';

/** A name, a pattern that is looked for in names, or several of these. */
export type Names = string | RegExp | readonly (string | RegExp)[];

export interface MirrorOptions {
  /** Which topics. Default all whose name does not begin with two underscores. */
  topics?: Names;
  /** The offsets of which groups. Default all but those of mirrors. */
  groups?: Names;
  /** Under this group id the target keeps how far each partition is mirrored. Default 'spillway-mirror'. */
  name?: string;
  /** End when all is copied that was there at the start, instead of following. Default false. */
  once?: boolean;
  /** Put the records behind those that the target has already, where it has some that this mirror did not write. Default false. */
  append?: boolean;
  /** Replicas of topics that are made on the target; −1: as many as its brokers are set to. Default -1, from -1 to 32767. */
  replicationFactor?: number;
  /** How batches are compressed on their way. Default 'none'. */
  compression?: CompressionName;
  /** Milliseconds between two notes of how far it is. Default 1000, from 10 to 3600000. */
  commitEveryMs?: number;
  /** Milliseconds between two looks for new topics, configs and offsets of groups. Default 5000, from 10 to 3600000. */
  refreshEveryMs?: number;
  /** Ends the mirror in order when it is aborted. Default none. */
  signal?: AbortSignal;
  /** Told a few times a second how far it is. Default none. */
  onProgress?: (progress: MirrorProgress) => void;
  /** Told in words of what the target would not take, and of groups that it leaves alone. Default none. */
  onNotice?: (text: string) => void;
}

export interface MirrorProgress {
  topics: number;
  partitions: number;
  /** Records that the target has acknowledged, since the start. */
  records: number;
  /** Of their keys and values. */
  bytes: number;
  /** Offsets of the source that are still to come; −1 while it is not known. */
  behind: number;
  /** Groups whose offsets were copied. */
  groups: number;
}

const HOUR_MS = 3_600_000;

export const mirrorOptions = {
  topics: {
    kind: 'other',
    type: 'text, RegExp, or a list',
    defaultText: 'all whose name does not begin with two underscores',
    check: checkMatch,
    documentation: 'Which topics.',
  },
  groups: {
    kind: 'other',
    type: 'text, RegExp, or a list',
    defaultText: 'all but those of mirrors',
    check: checkMatch,
    documentation: 'The offsets of which groups.',
  },
  name: {
    kind: 'other',
    type: 'string',
    defaultText: "'spillway-mirror'",
    check: checkText,
    documentation: 'Under this group id the target keeps how far each partition is mirrored.',
  },
  once: {
    kind: 'flag',
    default: false,
    documentation: 'End when all is copied that was there at the start, instead of following.',
  },
  append: {
    kind: 'flag',
    default: false,
    documentation: 'Put the records behind those that the target has already, where it has some that this mirror did not write.',
  },
  replicationFactor: {
    kind: 'whole number',
    default: -1,
    min: -1,
    max: 32_767,
    documentation: 'Replicas of topics that are made on the target; −1: as many as its brokers are set to.',
  },
  compression: {
    kind: 'choice',
    default: 'none',
    oneOf: Object.keys(compressions) as CompressionName[],
    documentation: 'How batches are compressed on their way.',
  } satisfies Choice<CompressionName>,
  commitEveryMs: {
    kind: 'whole number',
    default: 1000,
    min: 10,
    max: HOUR_MS,
    documentation: 'Milliseconds between two notes of how far it is.',
  },
  refreshEveryMs: {
    kind: 'whole number',
    default: 5000,
    min: 10,
    max: HOUR_MS,
    documentation: 'Milliseconds between two looks for new topics, configs and offsets of groups.',
  },
  signal: {
    kind: 'other',
    type: 'AbortSignal',
    defaultText: 'none',
    check: checkSignal,
    documentation: 'Ends the mirror in order when it is aborted.',
  },
  onProgress: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Told a few times a second how far it is.',
  },
  onNotice: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Told in words of what the target would not take, and of groups that it leaves alone.',
  },
} as const satisfies OptionTable;

export interface CheckedMirrorOptions {
  isTopic(name: string): boolean;
  isGroup(groupId: string): boolean;
  name: string;
  once: boolean;
  append: boolean;
  replicationFactor: number;
  compression: CompressionName;
  commitEveryMs: number;
  refreshEveryMs: number;
  signal: AbortSignal | undefined;
  onProgress(progress: MirrorProgress): void;
  onNotice(text: string): void;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkMirrorOptions(options: MirrorOptions): CheckedMirrorOptions {
  const checked = readOptions('mirror', options, mirrorOptions);
  const { name = 'spillway-mirror', topics, groups, signal } = options;
  const isWantedTopic = topics === undefined ? (topic: string) => !topic.startsWith('__') : matcher(topics);
  const isWantedGroup = groups === undefined ? () => true : matcher(groups);
  return {
    ...checked,
    name,
    isTopic: isWantedTopic,
    isGroup: (groupId) => groupId !== name && !groupId.startsWith('spillway-mirror') && isWantedGroup(groupId),
    signal,
    onProgress: options.onProgress ?? (() => {}),
    onNotice: options.onNotice ?? (() => {}),
  };
}

function matcher(names: Names): (name: string) => boolean {
  const all = (Array.isArray(names) ? names : [names]) as readonly (string | RegExp)[];
  // A pattern with a memory (g, y) would find every other name.
  const tests = all.map((one) => (typeof one === 'string' ? one : new RegExp(one.source, one.flags.replace(/[gy]/g, ''))));
  return (name) => tests.some((test) => (typeof test === 'string' ? test === name : test.test(name)));
}

function checkMatch(option: string, value: unknown): void {
  const all = Array.isArray(value) ? (value as unknown[]) : [value];
  if (all.length > 0 && all.every((one) => (typeof one === 'string' && one !== '') || one instanceof RegExp)) return;
  throw new BusError('INVALID_ARGUMENT', `${option} is a name, a pattern, or a list of these that is not empty, not ${shown(value)}`, {
    details: { option, value },
  });
}

function checkSignal(option: string, value: unknown): void {
  if (value instanceof AbortSignal) return;
  throw new BusError('INVALID_ARGUMENT', `${option} is an AbortSignal, not ${shown(value)}`, { details: { option, value } });
}
