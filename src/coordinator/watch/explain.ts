/** Why a partition of a group stands where it stands, in one sentence: who owns it, what it waits for and since when, and what to do. */
import type { GroupDescription, GroupEvent, MemberDescription, PartitionExplanation, PartitionProgress } from '../groups/protocol.ts';
import { lagOf, type Standing } from './watchdog.ts';

export interface Place {
  topic: string;
  partition: number;
  committed: number;
  startOffset: number;
  highWatermark: number;
}

export interface Case {
  place: Place;
  group: GroupDescription;
  /** Newest last. */
  history: readonly GroupEvent[];
  /** What its owner says of it. */
  progress: PartitionProgress | undefined;
  standing: Standing | undefined;
  /** Since when the group has had no members; null: it has, or that is not known. */
  emptySinceMs: number | null;
  nowMs: number;
}

export function explain(what: Case): PartitionExplanation {
  const { place, group, progress, standing } = what;
  const owner = group.members.find((member) => holds(member.assignment, place));
  const heir = group.members.find((member) => holds(member.targetAssignment, place));
  const position = progress?.position ?? -1;
  const lag = lagOf(place, { position, endAtFirst: standing?.endAtFirst ?? place.startOffset });
  const isMoving = heir !== undefined && heir !== owner;
  const { state, text, sinceMs } =
    owner === undefined ? withoutOwner(what, heir) : isMoving ? moving(what, owner, heir) : owned(what, owner, lag);
  return {
    topic: place.topic,
    partition: place.partition,
    memberId: owner?.memberId ?? '',
    clientId: owner?.clientId ?? '',
    clientHost: owner?.clientHost ?? '',
    committed: place.committed,
    position,
    highWatermark: place.highWatermark,
    lag: place.highWatermark < 0 ? -1 : lag,
    state,
    text,
    sinceMs,
  };
}

type Verdict = Pick<PartitionExplanation, 'state' | 'text' | 'sinceMs'>;

function withoutOwner({ group, history, place, emptySinceMs, nowMs }: Case, heir: MemberDescription | undefined): Verdict {
  if (heir !== undefined) {
    const text = `it goes to ${nameOf(heir)}, which has not taken it up yet (${heard(heir, nowMs)})`;
    return { state: 'moving', text, sinceMs: heir.sinceMs };
  }
  const why = lastLoss(history, nowMs);
  if (group.members.length === 0) {
    const since = emptySinceMs === null || emptySinceMs <= 0 ? '' : ` ${sinceWords(emptySinceMs, nowMs)}`;
    const text = `nobody reads it: the group has no members${since}${why}; start a consumer`;
    return { state: 'unowned', text, sinceMs: Math.max(0, emptySinceMs ?? 0) };
  }
  if (group.state !== 'Stable') {
    const last = history.findLast(({ kind }) => kind === 'rebalance');
    const waits = group.members.map((member) => `${nameOf(member)} (${heard(member, nowMs)})`).slice(0, NAMED_MAX);
    const text = `nobody has it while the group rebalances (${group.state}${last === undefined ? '' : `, ${sinceWords(last.atMs, nowMs)}`}); its members are ${waits.join(', ')}`;
    return { state: 'moving', text, sinceMs: last?.atMs ?? 0 };
  }
  const text = `no member has it: none of the ${group.members.length} subscribes to "${place.topic}"${why}; subscribe to it, or delete its offsets`;
  return { state: 'unowned', text, sinceMs: 0 };
}

function moving({ nowMs, progress }: Case, owner: MemberDescription, heir: MemberDescription): Verdict {
  const handing = progress === undefined ? '' : `; ${doingOf(progress, nowMs)}`;
  return {
    state: 'moving',
    text: `${nameOf(owner)} is to give it up to ${nameOf(heir)} and has not yet (${heard(owner, nowMs)}${handing})`,
    sinceMs: progress?.sinceMs ?? owner.heardMs,
  };
}

function owned(what: Case, owner: MemberDescription, lag: number): Verdict {
  const { place, progress, standing, nowMs } = what;
  const since = standing?.sinceMs ?? owner.sinceMs;
  if (place.highWatermark < 0) {
    return {
      state: 'progressing',
      text: `${nameOf(owner)} has it; its partition host does not say where it ends just now`,
      sinceMs: since,
    };
  }
  if (lag === 0) return { state: 'caught-up', text: `${nameOf(owner)} has read all of it`, sinceMs: since };
  const behind = `${lag} record${lag === 1 ? '' : 's'} behind`;
  const doing = progress === undefined ? silent(owner, nowMs) : doingOf(progress, nowMs);
  if (standing?.isStalled !== true)
    return { state: 'progressing', text: `${nameOf(owner)} has it and is ${behind}: ${doing}`, sinceMs: since };
  return {
    state: 'stalled',
    text: `${nameOf(owner)} has it, is ${behind} and has not moved on ${sinceWords(since, nowMs)}: ${doing}${adviceOf(progress)}`,
    sinceMs: since,
  };
}

function silent(owner: MemberDescription, nowMs: number): string {
  if (owner.heardMs === 0) return 'it has not been heard since the bus was opened';
  return `it is alive (${heard(owner, nowMs)}) and does not say what it does`;
}

function doingOf({ doing, sinceMs, detail }: PartitionProgress, nowMs: number): string {
  const told = detail === '' ? '' : ` (${detail})`;
  const since = sinceWords(sinceMs, nowMs);
  switch (doing) {
    case 'paused':
      return `it is paused ${since}${told}`;
    case 'handling':
      return `its handler has been running ${since}${told}`;
    case 'retrying':
      return `its handler failed and is tried again ${since}${told}`;
    case 'queue-full':
      return `fetched records wait in the consumer and nobody takes them ${since}${told}`;
    case 'fetching':
      return `it waits for records from the partition’s host ${since}${told}`;
    case 'idle':
      return `nobody asks the consumer for records ${since}${told}`;
    case 'stopped':
      return `it was stopped ${since}${told}`;
  }
}

function adviceOf(progress: PartitionProgress | undefined): string {
  switch (progress?.doing) {
    case 'paused':
      return '; resume it';
    case 'handling':
      return '; see what the handler waits for';
    case 'retrying':
      return '; mend what it fails on, or let such records go to a dead-letter topic';
    case 'queue-full':
    case 'idle':
      return '; call poll or iterate, or close the consumer';
    case 'stopped':
      return '; seek, or start the consumer anew';
    case undefined:
      return '; look at that process, or end it: its partitions go to others after its session timeout';
    default:
      return '';
  }
}

/** How the group last lost a member. */
function lastLoss(history: readonly GroupEvent[], nowMs: number): string {
  const last = history.findLast(({ kind }) => kind === 'left' || kind === 'fenced' || kind === 'expired');
  return last === undefined ? '' : ` (${last.text}, ${ago(last.atMs, nowMs)} ago)`;
}

const NAMED_MAX = 5;

function nameOf({ memberId, instanceId, clientId, clientHost }: MemberDescription): string {
  const client = [clientId, clientHost].filter((one) => one !== '').join(', ');
  return `member ${instanceId ?? memberId}${client === '' ? '' : ` (${client})`}`;
}

/** A member that was loaded with the folder may live or not. */
function heard({ heardMs }: MemberDescription, nowMs: number): string {
  return heardMs === 0 ? 'not heard since the bus was opened' : `last heard ${ago(heardMs, nowMs)} ago`;
}

function sinceWords(atMs: number, nowMs: number): string {
  return `since ${new Date(atMs).toISOString().slice(0, 19)}Z, for ${ago(atMs, nowMs)}`;
}

function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, nowMs - atMs) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function holds(assignment: readonly { topic: string; partitions: readonly number[] }[], { topic, partition }: Place): boolean {
  return assignment.some((one) => one.topic === topic && one.partitions.includes(partition));
}
