/**
 * Commits of one consumer: one ask in flight, what comes meanwhile is merged, so that order is kept and many cost as much as few. What
 * cannot be answered now is asked again until its deadline; what is not held any more is refused.
 */
import { BusError, errorName, errors, isRetriable } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { OffsetToCommit } from '../../coordinator/groups/protocol.ts';
import type { CoordinatorReplyOf } from '../../coordinator/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { keyOf } from '../places.ts';
import { refusalOf } from './asks.ts';
import { backoffMs } from './steps.ts';

/** An offset to be committed; without a holding it is from outside of any membership. */
export interface Commit extends OffsetToCommit {
  /** Since which assignment the partition is held (intake.ts). */
  holding: number | null;
}

export interface CommitsSetup {
  groupId: string;
  instanceId: string | null;
  /** Answer only what would survive a power loss. */
  synced: boolean;
  /** How long one commit is asked again. */
  timeoutMs: number;
  /** As whom: '' and −1 outside of a membership. Null: the member is between two memberships, commits wait. */
  standing(): { memberId: string; epoch: number } | null;
  holds(topic: string, partition: number, holding: number): boolean;
  /** It was stored. */
  committed(commit: Commit): void;
  /** The coordinator does not know this member any more. */
  fenced(error: number, message: string): void;
  /** The member's epoch is another one already: ask for it. */
  refresh(): void;
}

/** Someone who waits until some commits are answered. */
interface Waiter {
  left: number;
  deadlineMs: number;
  failure: BusError | null;
  done: (failure: BusError | null) => void;
}

interface Pending {
  commit: Commit;
  waiters: Waiter[];
}

const waitForEpoch = new Set<number>([
  errors.STALE_MEMBER_EPOCH.code,
  errors.ILLEGAL_GENERATION.code,
  errors.GROUP_ID_NOT_FOUND.code,
  errors.REBALANCE_IN_PROGRESS.code,
]);
const fences = new Set<number>([errors.UNKNOWN_MEMBER_ID.code, errors.FENCED_MEMBER_EPOCH.code, errors.FENCED_INSTANCE_ID.code]);

export class Commits {
  readonly #dispatcher: Dispatcher;
  readonly #setup: CommitsSetup;
  readonly #pending = new Map<string, Pending>();
  #inFlight = false;
  #waiters = 0;
  #failures = 0;
  #scheduled = false;
  #closed = false;

  constructor(dispatcher: Dispatcher, setup: CommitsSetup) {
    this.#dispatcher = dispatcher;
    this.#setup = setup;
  }

  /** Nothing waits and nothing is under way. */
  get isIdle(): boolean {
    return !this.#inFlight && this.#pending.size === 0;
  }

  /** `done` is called once, with null when all of these, or later ones in their place, are stored. */
  commit(commits: readonly Commit[], done: (failure: BusError | null) => void): void {
    const { clock } = this.#dispatcher;
    if (commits.length === 0) return clock.next(() => done(null));
    if (this.#waiters >= limits.commitsWaitingMax) {
      const words = `${this.#waiters} commits wait already: await some of them, or commit less often`;
      return clock.next(() => done(new BusError('LIMIT_REACHED', words)));
    }
    this.#waiters++;
    const deadlineMs = clock.monotonicMs() + this.#setup.timeoutMs;
    const waiter: Waiter = { left: commits.length, deadlineMs, failure: null, done };
    for (const commit of commits) {
      const key = keyOf(commit);
      const before = this.#pending.get(key);
      if (before === undefined) this.#pending.set(key, { commit, waiters: [waiter] });
      else {
        // The newest is what counts; whoever waited for an older one waits for it.
        before.commit = commit;
        before.waiters.push(waiter);
      }
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    clock.next(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** Refuses what waits, and whatever comes later. */
  close(): void {
    this.#closed = true;
    this.#refuse([...this.#pending.values()], closedError);
    this.#pending.clear();
  }

  #pump(): void {
    if (this.#inFlight || this.#pending.size === 0) return;
    if (this.#closed || this.#dispatcher.closed) return this.close();
    this.#refuseLate();
    const standing = this.#setup.standing();
    if (this.#pending.size === 0) return;
    if (standing === null) return this.#later();
    const sent = [...this.#pending.values()];
    this.#pending.clear();
    this.#inFlight = true;
    const { groupId, instanceId, synced } = this.#setup;
    const offsets = sent.map(({ commit }) => rowOf(commit));
    this.#dispatcher.askCoordinator('offsetCommit', { groupId, ...standing, instanceId, offsets, synced }, (error, reply) => {
      this.#inFlight = false;
      this.#answered(sent, standing, error, reply);
      this.#pump();
    });
  }

  #answered(
    sent: readonly Pending[],
    standing: { memberId: string; epoch: number },
    error: number,
    reply: CoordinatorReplyOf<'offsetCommit'> | null,
  ): void {
    if (error === 0 && reply !== null) {
      this.#failures = 0;
      const refused = reply.offsets === null ? null : new Map(reply.offsets.map((row) => [keyOf(row), row.error]));
      for (const one of sent) this.#settle(one, refused?.get(keyOf(one.commit)) ?? 0, reply.message);
      return;
    }
    const message = reply?.message ?? '';
    if (fences.has(error) && standing.memberId !== '') {
      this.#refuse(sent, ({ topic, partition }) => fencedError(error, message, topic, partition));
      const now = this.#setup.standing();
      if (now?.memberId === standing.memberId && now.epoch === standing.epoch) this.#setup.fenced(error, message);
      return;
    }
    const again = waitForEpoch.has(error) && standing.memberId !== '';
    if (again) this.#setup.refresh();
    if (again || isRetriable(error)) return this.#putBack(sent);
    this.#refuse(sent, (commit) => refusalOf('commit', error, message, { ...commit }));
  }

  #settle(one: Pending, error: number, message: string): void {
    if (error === 0) {
      this.#setup.committed(one.commit);
      for (const waiter of one.waiters) this.#count(waiter, null);
    } else if (isRetriable(error) && error !== errors.UNKNOWN_TOPIC_OR_PARTITION.code) this.#putBack([one]);
    else {
      const { topic, partition } = one.commit;
      const words =
        message === '' ? `offset ${one.commit.offset} of ${topic}-${partition} was not committed: ${errorName(error)}` : message;
      this.#refuse([one], () => refusalOf('commit', error, words, { topic, partition }));
    }
  }

  /** To be asked again, unless something newer has come for the same partition. */
  #putBack(sent: readonly Pending[]): void {
    if (this.#closed) return this.#refuse(sent, closedError);
    for (const { commit, waiters } of sent) {
      const key = keyOf(commit);
      const newer = this.#pending.get(key);
      if (newer !== undefined) newer.waiters = [...waiters, ...newer.waiters];
      else this.#pending.set(key, { commit, waiters });
    }
    this.#later();
  }

  #later(): void {
    if (this.#inFlight) return;
    // Held as under way, so that what comes meanwhile waits too.
    this.#inFlight = true;
    this.#dispatcher.clock.after(
      backoffMs(this.#failures++),
      () => {
        this.#inFlight = false;
        this.#pump();
      },
      true,
    );
  }

  /** What has waited too long, and what the member does not hold any more. */
  #refuseLate(): void {
    const nowMs = this.#dispatcher.clock.monotonicMs();
    for (const [key, one] of this.#pending) {
      const { topic, partition, holding } = one.commit;
      if (holding !== null && !this.#setup.holds(topic, partition, holding)) {
        this.#pending.delete(key);
        this.#refuse([one], () => fencedError(errors.FENCED_MEMBER_EPOCH.code, '', topic, partition));
        continue;
      }
      if (this.#failures === 0) continue;
      const late = one.waiters.filter(({ deadlineMs }) => deadlineMs <= nowMs);
      one.waiters = one.waiters.filter(({ deadlineMs }) => deadlineMs > nowMs);
      for (const waiter of late) this.#count(waiter, tooLate(this.#setup.timeoutMs));
      if (one.waiters.length === 0) this.#pending.delete(key);
    }
  }

  #refuse(some: readonly Pending[], errorOf: (commit: Commit) => BusError): void {
    for (const { commit, waiters } of some) for (const waiter of waiters) this.#count(waiter, errorOf(commit));
  }

  #count(waiter: Waiter, failure: BusError | null): void {
    waiter.failure ??= failure;
    if (--waiter.left > 0) return;
    this.#waiters--;
    waiter.done(waiter.failure);
  }
}

/** A member that is none any more, or not of this partition, may not say how far it came. */
export function fencedError(error: number, message: string, topic: string, partition: number): BusError {
  const why = message === '' ? 'the member does not hold it any more' : message;
  const what = `${topic}-${partition} was not committed: ${why}. Who holds it now goes on at the last commit and handles again what followed.`;
  return new BusError(errorName(error), what, { details: { topic, partition } });
}

/** Without its holding, which is known here alone. */
function rowOf({ topic, topicId, partition, offset, leaderEpoch, metadata }: Commit): OffsetToCommit {
  const row = { topic, partition, offset, leaderEpoch, metadata };
  return topicId === undefined ? row : { ...row, topicId };
}

function tooLate(timeoutMs: number): BusError {
  return new BusError('REQUEST_TIMED_OUT', `the commit was not answered within apiTimeoutMs=${timeoutMs}; commit again`);
}

function closedError(): BusError {
  return new BusError('CLOSED', 'the consumer is closed, or its bus is; the commit was not answered');
}
