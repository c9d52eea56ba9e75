/**
 * A consumer's part in its group: as a member, whose partitions the coordinator chooses, or as somebody who only commits on the group's
 * behalf. It puts together membership, ownership and commits, and keeps the clock of automatic commits.
 */
import { BusError, errors } from '../../base/errors.ts';
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import type { Timer } from '../../world/clock.ts';
import { publish } from '../events.ts';
import type { Held, Intake } from '../intake.ts';
import { keyOf, type TopicPartition } from '../places.ts';
import type { Topic } from '../topic.ts';
import { tell } from '../user-code.ts';
import { askGroup } from './asks.ts';
import { beginClassic, decideClassic } from './classic.ts';
import { type Commit, Commits, fencedError } from './commits.ts';
import { Leader } from './leader.ts';
import { type Machine, Member, machineOf } from './member.ts';
import { beginMembership, decideMembership } from './membership.ts';
import type { CheckedGroupOptions, GroupOptions } from './options.ts';
import { finishedOf, Ownership, topicsOf } from './ownership.ts';
import { Watch } from './progress.ts';
import type { MemberSetup } from './steps.ts';
import type { Subscription } from './subscription.ts';

/** An offset to be committed: that of the next record to be handled. */
export interface OffsetCommit extends TopicPartition {
  offset: number;
  /** Text to be kept with it, 4096 bytes at most unless the bus says otherwise. */
  metadata?: string;
  leaderEpoch?: number;
}

/** What a group has of a partition. */
export interface CommittedPartition extends TopicPartition {
  /** Null: nothing is committed. */
  offset: number | null;
  metadata: string;
  /** −1: not known. */
  leaderEpoch: number;
}

/** Who a consumer is in its group, now. */
export interface GroupMetadata {
  groupId: string;
  /** '' outside of a membership. */
  memberId: string;
  groupInstanceId: string | null;
  /** Member epoch or generation; −1 outside of a membership. */
  epoch: number;
}

export interface ParticipationSetup<K, V, H> {
  dispatcher: Dispatcher;
  intake: Intake<K, V, H>;
  options: CheckedGroupOptions;
  callbacks: Pick<GroupOptions, 'onAssigned' | 'onRevoked' | 'onLost'>;
  declaredOf(topic: string): Topic<K, V, H>;
  startOf(place: TopicPartition): Promise<number | null>;
  activity(): { steps: number; asking: boolean };
}

export class Participation<K, V, H> {
  readonly #setup: ParticipationSetup<K, V, H>;
  readonly #commits: Commits;
  readonly #member: Member<K, V, H> | null;
  readonly #watch: Watch<K, V, H>;
  #leader: Leader<K, V, H> | null = null;
  #autoCommit: Timer | null = null;
  #committing = false;
  #closed = false;

  constructor(setup: ParticipationSetup<K, V, H>) {
    const { dispatcher, intake, options } = setup;
    this.#setup = setup;
    this.#watch = new Watch(dispatcher.clock, intake);
    this.#commits = new Commits(dispatcher, {
      groupId: options.groupId,
      instanceId: options.groupInstanceId,
      synced: options.commitSynced,
      timeoutMs: options.apiTimeoutMs,
      standing: () => this.#standing(),
      holds: (topic, partition, holding) => intake.find({ topic, partition })?.holding === holding,
      committed: (commit) => {
        const one = intake.find(commit);
        if (one !== undefined && one.holding === commit.holding) one.committed = commit.offset;
      },
      fenced: (error, message) => this.#member?.happen({ event: 'fenced', error, message }),
      refresh: () => this.#member?.happen({ event: 'nudged' }),
    });
    this.#member = options.subscription === null ? null : this.#makeMember();
    if (options.autoCommit) this.#scheduleAutoCommit();
  }

  /** Its partitions are the coordinator's choice. */
  get isMember(): boolean {
    return this.#member !== null;
  }

  /** The user reads: a member takes part from then on. */
  wanted(): void {
    this.#member?.wanted();
  }

  metadata(): GroupMetadata {
    const { groupId, groupInstanceId } = this.#setup.options;
    const { memberId, epoch } = this.#member?.standing ?? { memberId: '', epoch: -1 };
    return { groupId, memberId, groupInstanceId, epoch };
  }

  /** Throws BusError FENCED_MEMBER_EPOCH for a partition that this member does not hold. */
  toCommit({ topic, partition, offset, metadata = '', leaderEpoch = -1 }: OffsetCommit): Commit {
    const one = this.#setup.intake.find({ topic, partition });
    if (one === undefined && this.isMember) throw fencedError(errors.FENCED_MEMBER_EPOCH.code, '', topic, partition);
    if (one !== undefined && offset > one.finished) one.finished = offset;
    const commit: Commit = { topic, partition, offset, metadata, leaderEpoch, holding: one?.holding ?? null };
    return one === undefined ? commit : { ...commit, topicId: one.topicId };
  }

  /** All that was given out; of handlers that are run for the user, what they have finished. */
  allToCommit(): Commit[] {
    const { intake } = this.#setup;
    const offsetOf = ({ position, finished }: Held<K, V, H>): number => (intake.runner === null ? position : finished);
    return intake
      .all()
      .filter((one) => offsetOf(one) >= 0)
      .map((one) => this.toCommit({ topic: one.topic, partition: one.partition, offset: offsetOf(one) }));
  }

  commit(commits: readonly Commit[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#commits.commit(commits, (failure) => (failure === null ? resolve() : reject(failure)));
    });
  }

  /** Nobody waits; a failure is told to `callback`, or else as an event. */
  commitAsync(commits: readonly Commit[], callback?: (error: BusError | null) => void): void {
    this.#commits.commit(commits, (failure) => {
      if (callback !== undefined) tell(this.#setup.dispatcher.clock, 'the callback of commitAsync', callback, failure);
      else if (failure !== null) this.#commitFailed(commits.length, failure);
    });
  }

  /** In words, a line each: where it stands in its group, and whether a commit is under way. */
  explain(): string[] {
    return [this.#member?.explain() ?? '', this.#commits.isIdle ? '' : 'a commit is not answered yet'].filter((line) => line !== '');
  }

  /** What the group has of these partitions. */
  async committed(places: readonly TopicPartition[]): Promise<CommittedPartition[]> {
    const { dispatcher, options } = this.#setup;
    const deadlineMs = dispatcher.clock.monotonicMs() + options.apiTimeoutMs;
    const fields = { groupId: options.groupId, memberId: null, epoch: -1, topics: topicsOf(places), requireStable: true };
    const { offsets } = await askGroup(dispatcher, 'offsetFetch', fields, { deadlineMs });
    const rows = new Map(offsets.map((row) => [keyOf(row), row]));
    return places.map(({ topic, partition }) => {
      const row = rows.get(keyOf({ topic, partition }));
      if (row === undefined || row.error !== 0 || row.offset < 0) return { topic, partition, offset: null, metadata: '', leaderEpoch: -1 };
      return { topic, partition, offset: row.offset, metadata: row.metadata, leaderEpoch: row.leaderEpoch };
    });
  }

  /** Finishes, commits and leaves within the time; resolves with what was not finished, in words. */
  async close(deadlineMs: number): Promise<string[]> {
    if (this.#closed) return [];
    this.#closed = true;
    this.#autoCommit?.cancel();
    const { intake, options, dispatcher } = this.#setup;
    const unfinished: string[] = [];
    if (this.#member !== null) unfinished.push(...(await this.#member.close(deadlineMs)));
    else if (options.autoCommit) {
      const due = finishedOf(intake.all());
      const late = new BusError('REQUEST_TIMED_OUT', 'no answer in time');
      const failure = await new Promise<BusError | null>((resolve) => {
        const timer = dispatcher.clock.after(deadlineMs, () => resolve(late), true);
        this.#commits.commit(due, (ended) => {
          timer.cancel();
          resolve(ended);
        });
      });
      if (failure !== null) unfinished.push(`offsets of ${due.length} partitions were not committed: ${failure.message}`);
    }
    this.#leader?.close();
    this.#commits.close();
    return unfinished;
  }

  #makeMember(): Member<K, V, H> {
    const { dispatcher, intake, options, callbacks, declaredOf, startOf, activity } = this.#setup;
    const { groupId, rebalanceTimeoutMs, heartbeatIntervalMs, autoCommit } = options;
    const { onAssigned, onRevoked, onLost } = callbacks;
    const ownership = new Ownership({
      dispatcher,
      intake,
      commits: this.#commits,
      groupId,
      callbacks: { onAssigned, onRevoked, onLost },
      autoCommit,
      // The coordinator must hear of it before it loses its patience.
      boundMs: rebalanceTimeoutMs - Math.min(heartbeatIntervalMs, rebalanceTimeoutMs / 4),
      declaredOf,
      startOf,
    });
    const setup = { ...options, instanceId: options.groupInstanceId, clientHost: `thread ${dispatcher.index}` };
    return new Member(dispatcher, setup, this.#makeMachine(setup), ownership, {
      activity: () => ({ ...activity(), busySinceMs: this.#busySinceMs() }),
      progress: (): PartitionProgress[] => this.#watch.look(activity().asking),
      failed: (error) => intake.fail(error, 'for ever'),
      assign: (effect) => this.#leader?.assign(effect),
    });
  }

  #makeMachine(setup: MemberSetup): Machine {
    const { dispatcher, options } = this.#setup;
    const { assign } = options;
    const subscription = options.subscription ?? NOTHING;
    if (assign.by === 'members') {
      this.#leader = new Leader(dispatcher, assign.assignors, subscription, () => this.#member);
      return machineOf(beginClassic({ ...setup, assignors: assign.assignors, topics: subscription.names }), decideClassic);
    }
    const { names: topics, regex: topicRegex } = subscription;
    const membership = { ...setup, memberId: newMemberId(dispatcher), assignor: assign.assignor, topics, topicRegex };
    return machineOf(beginMembership(membership), decideMembership);
  }

  /** Handlers that are run for the user ask by themselves: what counts is whether one of them hangs. */
  #busySinceMs(): number | null {
    const { dispatcher, intake } = this.#setup;
    return intake.runner === null ? null : (intake.runner.busySinceMs() ?? dispatcher.clock.monotonicMs());
  }

  #standing(): { memberId: string; epoch: number } | null {
    if (this.#member === null) return { memberId: '', epoch: -1 };
    const { phase, memberId, epoch } = this.#member.standing;
    return phase === 'member' ? { memberId, epoch } : null;
  }

  #scheduleAutoCommit(): void {
    const { dispatcher, intake, options } = this.#setup;
    this.#autoCommit = dispatcher.clock.after(options.autoCommitIntervalMs, () => {
      if (this.#closed || dispatcher.closed) return;
      const due = finishedOf(intake.all());
      if (!this.#committing && due.length > 0) {
        this.#committing = true;
        this.#commits.commit(due, (failure) => {
          this.#committing = false;
          if (failure !== null) this.#commitFailed(due.length, failure);
        });
      }
      this.#scheduleAutoCommit();
    });
  }

  #commitFailed(partitions: number, { code, message }: BusError): void {
    const { groupId, memberId } = this.metadata();
    publish('commitFailed', { groupId, memberId, partitions, error: code, reason: message });
  }
}

const NOTHING: Subscription = { names: [], regex: '', declared: new Map() };

/** As Kafka's clients make them: 16 random bytes in base64. */
function newMemberId({ random }: Dispatcher): string {
  return Buffer.from(random.bytes(16)).toString('base64url');
}
