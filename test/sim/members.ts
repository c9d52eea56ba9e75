/** Members of groups in a simulation: they join, read, handle, pause, stall, commit, leave and come back, and tell the group auditor of it. */
import type { Consumer } from '../../src/client/consumer.ts';
import { serdes } from '../../src/client/serde.ts';
import type { Claimant, GroupAuditor } from './group-auditor.ts';
import type { GroupPlan, MemberHabits } from './group-plan.ts';
import { chance, codeOf, pick, sleep, type User } from './users.ts';

type RawConsumer = Consumer<Uint8Array, Uint8Array>;

/** Where members of all groups stand, as the simulation looks at them from outside. */
export interface Company {
  readonly auditor: GroupAuditor;
  /** Those who take part now. */
  readonly seats: Set<Seat>;
  /** Nobody joins any more. */
  isOver(): boolean;
  /** All members of this group are to go for a while. */
  isInRecess(groupId: string): boolean;
}

/** One stay of a member in its group. */
export class Seat implements Claimant {
  readonly groupId: string;
  readonly name: string;
  readonly instanceId: string | null;
  readonly thread: number;
  readonly paused = new Set<string>();
  /** A commit was refused, and nothing was committed since. */
  owesCommit = false;
  /** Ends its `run`, if it is in one. */
  interrupt: () => void = () => {};
  consumer!: RawConsumer;

  constructor(groupId: string, name: string, instanceId: string | null, thread: number) {
    this.groupId = groupId;
    this.name = name;
    this.instanceId = instanceId;
    this.thread = thread;
  }

  groupMetadata(): { memberId: string; epoch: number } {
    return this.consumer.groupMetadata();
  }

  holds(topic: string, partition: number): boolean {
    return this.consumer.assignment().some((one) => one.topic === topic && one.partition === partition);
  }

  position(topic: string, partition: number): number {
    return this.consumer.assignment().find((one) => one.topic === topic && one.partition === partition)?.position ?? -1;
  }
}

interface Part {
  user: User;
  group: GroupPlan;
  habits: MemberHabits;
  company: Company;
}

/**
 * A topic that comes and goes went before its offset was committed, and rightly nothing can be. Each row of a commit has its own answer:
 * those of topics that stay are committed, which is looked at when all have left.
 */
export const GONE = /^offsets of \d+ partitions were not committed: there is no partition passing\.\w+-\d+ \(any more\)$/;

/** Its thread was held up for longer than a session, so that it is no member any more: its partitions are others', and its offsets too. */
export const EXPELLED = /^offsets of \d+ partitions were not committed: \S+ was not committed: .* is not a member of group .* \(any more\)/;

/** After an error, before it is tried again. */
const AGAIN_MS = 20;

export async function takePart(user: User, group: GroupPlan, habits: MemberHabits, company: Company): Promise<void> {
  const part: Part = { user, group, habits, company };
  const { clock } = user.client.dispatcher;
  while (!company.isOver()) {
    if (company.isInRecess(group.groupId)) {
      await sleep(user, AGAIN_MS);
      continue;
    }
    const seat = sitDown(part);
    company.seats.add(seat);
    const untilMs = habits.staysMs === 0 ? Number.POSITIVE_INFINITY : clock.monotonicMs() + habits.staysMs;
    const isGone = await stay(part, seat, untilMs);
    const { unfinished } = await seat.consumer.close();
    company.seats.delete(seat);
    if (isGone) return;
    const left = unfinished.filter((what) => !GONE.test(what));
    if (left.length > 0 && company.isOver()) user.auditor.violated(`${seat.name} left with work unfinished: ${left.join('; ')}`);
    // Who was away as the end came does not return.
    if (habits.staysMs > 0) {
      if (user.stopping()) return;
      await sleep(user, habits.awayMs);
      if (user.stopping()) return;
    } else await sleep(user, AGAIN_MS);
  }
}

function sitDown({ user, group, habits, company }: Part): Seat {
  const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, maxPollIntervalMs } = group;
  const instanceId = habits.instance ? `${groupId} ${user.name}` : null;
  const seat = new Seat(groupId, user.name, instanceId, user.client.dispatcher.index);
  const each = (told: (topic: string, partition: number) => void) => (partitions: { topic: string; partition: number }[]) => {
    for (const { topic, partition } of partitions) told(topic, partition);
  };
  const ended = each((topic, partition) => company.auditor.ended(groupId, seat, topic, partition));
  const consumer: RawConsumer = user.client.consumer({
    groupId,
    topics: group.byPattern ? { pattern: [...group.topics, 'passing\\..*'].join('|') } : group.topics,
    groupProtocol: group.protocol,
    assignor: group.assignor,
    sessionTimeoutMs,
    heartbeatIntervalMs: Math.floor(sessionTimeoutMs / 3),
    rebalanceTimeoutMs,
    maxPollIntervalMs,
    autoCommit: habits.style !== 'commit',
    autoCommitIntervalMs: habits.autoCommitIntervalMs,
    autoOffsetReset: 'earliest',
    onDamage: 'skip',
    key: serdes.raw,
    value: serdes.raw,
    ...(instanceId === null ? {} : { groupInstanceId: instanceId }),
    onAssigned: each((topic, partition) => company.auditor.assigned(groupId, seat, topic, partition)),
    onRevoked: async (partitions: { topic: string; partition: number }[]) => {
      for (const { topic, partition } of partitions) company.auditor.revoking(groupId, seat, topic, partition);
      if (habits.revokingMs > 0 && !user.stopping()) await sleep(user, user.random.below(habits.revokingMs));
      if (habits.style === 'commit') await commit(user, consumer);
      ended(partitions);
    },
    onLost: each((topic, partition) => company.auditor.hasLost(groupId, seat, topic, partition)),
  });
  seat.consumer = consumer;
  return seat;
}

/** Reads until its time is over; true: the bus is gone, or nobody is to read any more. */
async function stay(part: Part, seat: Seat, untilMs: number): Promise<boolean> {
  const { user, habits, company } = part;
  const { clock } = user.client.dispatcher;
  for (;;) {
    if (!user.stopping() && clock.monotonicMs() >= untilMs) return false;
    if (company.isInRecess(seat.groupId)) return false;
    try {
      if (habits.style === 'run') await runOnce(part, seat, untilMs);
      else await pollOnce(part, seat);
      if (company.isOver()) return true;
      await indulge(part, seat);
    } catch (error) {
      const code = codeOf(user, error);
      if (code === 'CLOSED' || code === 'not a BusError' || company.isOver() || user.client.dispatcher.closed) return true;
      await sleep(user, AGAIN_MS);
      // Fenced by one of its own name, or refused by the group: it comes again as another one.
      if (code !== 'USER_CODE_FAILED' && !chance(user.random, 50)) return false;
    }
  }
}

async function pollOnce({ user, group, habits, company }: Part, seat: Seat): Promise<void> {
  const { consumer, paused } = seat;
  const records = await consumer.poll({ timeoutMs: 50, recordsMax: habits.recordsMax });
  for (const record of records) {
    if (paused.has(`${record.topic}-${record.partition}`))
      user.auditor.violated(`${seat.name} was given ${record.topic}-${record.partition}, which is paused`);
    company.auditor.read(group.groupId, seat, record);
  }
  if (records.length > 0 && habits.handlingMs > 0 && !user.stopping()) await sleep(user, user.random.below(habits.handlingMs * 4));
  if (habits.style === 'commit' && (records.length > 0 || seat.owesCommit)) seat.owesCommit = !(await commit(user, consumer));
}

async function runOnce(part: Part, seat: Seat, untilMs: number): Promise<void> {
  const { user, group, habits, company } = part;
  const { clock } = user.client.dispatcher;
  const stop = new AbortController();
  seat.interrupt = () => stop.abort();
  const timer =
    untilMs === Number.POSITIVE_INFINITY ? null : clock.after(untilMs - clock.monotonicMs(), () => !user.stopping() && stop.abort());
  company.auditor.goesBack(seat);
  try {
    await seat.consumer.run({
      eachRecord: async (record, { attempt }) => {
        if (attempt === 1) company.auditor.read(group.groupId, seat, record);
        if (user.stopping()) return;
        if (habits.handlingMs > 0) await sleep(user, user.random.below(habits.handlingMs * 2));
        if (chance(user.random, habits.stalls / 4)) await sleep(user, group.maxPollIntervalMs * 1.5);
        if (chance(user.random, habits.fails)) throw new Error('the handler fails');
      },
      concurrency: habits.concurrency,
      attempts: 2,
      backoffMs: 5,
      signal: stop.signal,
      stopDeadlineMs: 500,
    });
  } finally {
    timer?.cancel();
  }
}

/** What it does besides reading. */
async function indulge({ user, group, habits }: Part, seat: Seat): Promise<void> {
  const { consumer, paused } = seat;
  if (user.stopping()) {
    // What was paused and moved is paused still as it comes back.
    if (consumer.assignment().some((one) => one.paused)) consumer.resume();
    return paused.clear();
  }
  if (chance(user.random, habits.pauses)) togglePause(user, seat);
  if (chance(user.random, habits.stalls)) await sleep(user, group.maxPollIntervalMs * 1.5);
}

function togglePause({ random }: User, { consumer, paused }: Seat): void {
  const assigned = consumer.assignment();
  if (assigned.length === 0) return;
  const one = pick(random, assigned);
  const key = `${one.topic}-${one.partition}`;
  if (paused.delete(key)) consumer.resume([one]);
  else {
    consumer.pause([one]);
    paused.add(key);
  }
}

async function commit(user: User, consumer: RawConsumer): Promise<boolean> {
  try {
    await consumer.commit();
    return true;
  } catch (error) {
    codeOf(user, error);
    return false;
  }
}
