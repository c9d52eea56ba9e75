/**
 * What a bus tells without being asked, on Node's diagnostics_channel: `subscribe('spillway:pressure', (event) => …)`. One row per
 * event; docs/configuration.md derives from it. Subscribers are called outside of the engine's own work.
 */
import { channel } from 'node:diagnostics_channel';
import type { PressureReport } from '../coordinator/protocol.ts';
import type { HostNotice } from '../partition/protocol.ts';
import { realClock } from '../world/clock.ts';

/** A host's notice as it is passed on: with the host's number. */
type Noticed<N extends HostNotice['notice']> = { host: number } & Omit<Extract<HostNotice, { notice: N }>, 'notice'>;

interface GroupTurned {
  groupId: string;
  topic: string;
  partition: number;
  memberId: string;
  clientId: string;
  clientHost: string;
  committed: number;
  position: number;
  highWatermark: number;
  lag: number;
  sinceMs: number;
  why: string;
}

const groupTurned = {
  groupId: 'the group',
  topic: 'the topic',
  partition: 'its partition',
  memberId: 'who has it',
  clientId: 'the client id of that member',
  clientHost: 'where that member is',
  committed: 'the offset that is committed; −1: none',
  position: 'the offset that the member will handle next; −1: it does not say',
  highWatermark: 'where the partition ends',
  lag: 'records that wait',
  sinceMs: 'when it last moved on',
  why: 'what it waits for, in words, and what to do',
} as const;

/** What each event carries. */
export interface BusEvents {
  pressure: PressureReport;
  host: { host: number; state: 'up' } | { host: number; state: 'down'; error: string; failures: number };
  coordinator: { state: 'up' } | { state: 'down'; error: string; failures: number } | { state: 'lost'; error: string };
  member: { groupId: string; memberId: string; state: 'joined' | 'lost' | 'left' | 'failed'; epoch: number; reason: string };
  commitFailed: { groupId: string; memberId: string; partitions: number; error: string; reason: string };
  listener: { state: 'down'; error: string; failures: number };
  state: Noticed<'state'>;
  damage: Noticed<'damage'>;
  recovery: Noticed<'recovery'>;
  openFailed: { host: number; topic: string; partition: number; error: string; reason: string };
  databaseDamaged: { movedTo: string };
  topicRebuilt: { topic: string; topicId: string; partitions: number; configs: 'copy' | 'lost' };
  groupStalled: GroupTurned;
  groupResumed: GroupTurned;
  strayPartition: { topic: string; partition: number; topicId: string; movedTo: string };
  handlerFailed: {
    topic: string;
    partition: number;
    offset: number;
    attempt: number;
    error: string;
    did: 'retry' | 'stop' | 'deadLetter' | 'skip';
  };
}

export type EventName = keyof BusEvents;
type FieldsOf<T> = T extends unknown ? keyof T : never;

interface EventRow<N extends EventName> {
  documentation: string;
  fields: Readonly<Record<FieldsOf<BusEvents[N]>, string>>;
}

export const events: { readonly [N in EventName]: EventRow<N> } = {
  pressure: {
    documentation: 'The level of pressure has changed.',
    fields: {
      level: 'calm, spill, throttle or pause',
      sinceMs: 'when it changed',
      reasons: 'what asks for it: gauge, level, value, threshold, where',
      gauges: 'all readings, in bytes',
    },
  },
  host: {
    documentation: 'A partition host can be reached (again), or has died and is being replaced. Seen from this thread.',
    fields: {
      host: 'its number',
      state: 'up or down',
      error: 'when down: why',
      failures: 'when down: deaths in a row, of which the pause before the next start depends',
    },
  },
  coordinator: {
    documentation:
      'The coordinator has failed and is followed by another; it can be reached again; or none will follow, and the bus closes. Partitions are served all the while. Told on the thread that opened the bus.',
    fields: {
      state: 'down, up or lost',
      error: 'when down or lost: why',
      failures: 'when down: failures in a row, of which the pause before the next start depends',
    },
  },
  member: {
    documentation:
      'A consumer of this thread has joined its group, has left it, has lost all its partitions to others without having given them up, or cannot take part.',
    fields: {
      groupId: 'the group',
      memberId: 'which member',
      state: 'joined, left, lost or failed',
      epoch: 'member epoch, or generation',
      reason: 'when lost or failed: why',
    },
  },
  commitFailed: {
    documentation: 'Offsets that nobody waits for (autoCommit, commitAsync without a callback) could not be committed.',
    fields: {
      groupId: 'the group',
      memberId: 'which member',
      partitions: 'of how many partitions',
      error: 'the code',
      reason: 'in words',
    },
  },
  listener: {
    documentation: 'A listener has died and is being replaced; its clients connect again.',
    fields: { state: 'down', error: 'why', failures: 'deaths in a row, of which the pause before the next start depends' },
  },
  state: {
    documentation: 'A partition refuses appends because of its disk, or takes them again.',
    fields: {
      host: 'which carries it',
      slot: 'its number on this bus',
      topic: 'its topic',
      partition: 'its number in the topic',
      state: 'online, disk-full, fenced (a sync failed) or offline (it cannot be opened)',
      reason: 'what the disk said',
    },
  },
  damage: {
    documentation: 'A log was found damaged.',
    fields: {
      host: 'which carries the partition',
      slot: 'its number on this bus',
      topic: 'its topic',
      partition: 'its number in the topic',
      path: 'the file',
      position: 'where in it',
      length: 'how many bytes',
      what: 'what was found',
      did: 'what was done about it',
    },
  },
  recovery: {
    documentation: 'A log is being walked after an unclean end.',
    fields: {
      host: 'which carries the partition',
      topic: 'its topic',
      partition: 'its number in the topic',
      doneBytes: 'walked so far',
      totalBytes: 'to be walked',
    },
  },
  openFailed: {
    documentation: 'A partition could not be opened; the others go on.',
    fields: {
      host: 'which carries it',
      topic: 'its topic',
      partition: 'its number in the topic',
      error: 'the code',
      reason: 'in words',
    },
  },
  databaseDamaged: {
    documentation: 'The database of topics was damaged. It was moved aside, and the topics are found again from their folders.',
    fields: { movedTo: 'where it is now' },
  },
  topicRebuilt: {
    documentation:
      'A topic was found again from its folders. Its configuration is that of the copy beside the database, or lost: then it keeps everything until it is configured.',
    fields: { topic: 'its name', topicId: 'its id', partitions: 'how many', configs: 'copy or lost' },
  },
  groupStalled: {
    documentation:
      'A group has not moved on in a partition that one of its members has and in which records wait, for `group.stall.ms`. Told once, until it resumes.',
    fields: groupTurned,
  },
  groupResumed: { documentation: 'A group moves on in a partition that was told as stalled, or has read all of it.', fields: groupTurned },
  strayPartition: {
    documentation: 'The folder of a partition that no topic claims was put aside.',
    fields: { topic: 'its topic', partition: 'its number in the topic', topicId: 'the topic’s id', movedTo: 'the folder’s new name' },
  },
  handlerFailed: {
    documentation: 'A handler of `consumer.run` has failed.',
    fields: {
      topic: 'whose record it was',
      partition: 'its number in the topic',
      offset: 'of the record, or the first of its batch that is not handled',
      attempt: 'how often it was tried by now',
      error: 'what was thrown, in words',
      did: 'retry (it will be tried again), stop (the run ends), deadLetter or skip',
    },
  },
};

/** Publishes when the running JavaScript yields: a subscriber may call whatever it likes, and what it throws is Node's to report. */
export function publish<N extends EventName>(name: N, fields: BusEvents[N]): void {
  const subscribers = channel(`spillway:${name}`);
  if (subscribers.hasSubscribers) realClock.next(() => subscribers.publish(fields));
}
