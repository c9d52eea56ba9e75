/**
 * What a member owns, as its user sees it: partitions are taken up where the group stands, given up when what was begun of them is
 * finished and committed, or lost. The user's callbacks run here, one after the other; each is bounded, so that none holds the group up.
 */
import { BusError } from '../../base/errors.ts';
import type { TopicPartitions } from '../../coordinator/groups/protocol.ts';
import type { TopicMetadata } from '../../coordinator/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { loadTopicWith } from '../ask.ts';
import type { Held, Intake } from '../intake.ts';
import { keyOf, type TopicPartition } from '../places.ts';
import type { Topic } from '../topic.ts';
import { reasonOf, userCodeFailed } from '../user-code.ts';
import { askGroup } from './asks.ts';
import type { Commit, Commits } from './commits.ts';
import { type AssignedPartitions, backoffMs } from './steps.ts';
import { endRunner } from './work-of.ts';

export type Told = (partitions: TopicPartition[]) => unknown;

export interface Callbacks {
  onAssigned: Told | undefined;
  onRevoked: Told | undefined;
  onLost: Told | undefined;
}

export interface OwnershipSetup<K, V, H> {
  dispatcher: Dispatcher;
  intake: Intake<K, V, H>;
  commits: Commits;
  groupId: string;
  callbacks: Callbacks;
  autoCommit: boolean;
  /** What giving up, or taking up, may take in all. */
  boundMs: number;
  declaredOf(topic: string): Topic<K, V, H>;
  /** Where a partition begins of which nothing is committed; null: the user is to seek. */
  startOf(place: TopicPartition): Promise<number | null>;
}

/** Without an id: of the topic that has this name now. */
type AssignedPlace = TopicPartition & { topicId?: string | undefined };
type KnownPlace = TopicPartition & { topicId: string; metadata: TopicMetadata };

const LATE = Symbol('late');
const GRACE_MS = 50;
/** Where a partition begins is asked of its host, which may be opening it, or have lost its disk: the others do not wait for it longer. */
const BEGINS_WITHIN_MS = 500;

export class Ownership<K, V, H> {
  readonly #setup: OwnershipSetup<K, V, H>;
  /** Partitions that the user paused and that went; they are paused when they come back. */
  readonly #paused = new Set<string>();
  #chain: Promise<void> = Promise.resolve();
  /** Changes when all is lost: what was under way before is void. */
  #age = 0;
  #cancels = new Set<() => void>();
  /** The user's callback that was called last: the next one waits for it. */
  #running = { what: '', ended: Promise.resolve() };
  /** What the user has been told to be his, and what of it he has been told to give up. */
  readonly #shown = new WeakSet<Held<K, V, H>>();
  readonly #told = new WeakSet<Held<K, V, H>>();
  /** What is assigned and was not to be found: it is gone, and the assignment will say so, or the broker that was asked has not heard of it yet. */
  readonly #missing = new Map<string, AssignedPlace>();
  #looksAgain = false;
  #released = false;
  /** What is under way, in words; '' for nothing. */
  doing = '';

  constructor(setup: OwnershipSetup<K, V, H>) {
    this.#setup = setup;
  }

  /** Gives up and takes up. `done` is called unless all was lost meanwhile. */
  reconcile(revoke: readonly TopicPartitions[], assign: readonly AssignedPartitions[], done: () => void): void {
    // Who closes takes up nothing more.
    if (this.#released) return;
    const age = this.#age;
    this.#inTurn(async () => {
      if (age !== this.#age) return;
      const given = placesOf(revoke);
      this.doing = `gives up ${namesOf(given)} and takes up ${namesOf(placesOf(assign))}`;
      for (const place of given) this.#missing.delete(keyOf(place));
      await this.#giveUp(this.#held(given), this.#setup.boundMs);
      if (age !== this.#age) return;
      await this.#takeUp(placesOf(assign), age);
      if (age !== this.#age) return;
      this.doing = '';
      this.#lookAgain(0);
      done();
    });
  }

  /** All that is held belongs to others. */
  lose(): void {
    this.#void();
    this.doing = '';
    const { intake, boundMs } = this.#setup;
    const lost = intake.all();
    for (const one of lost) this.#remove(one);
    if (lost.length > 0) intake.runner?.lost(lost.map(placeOnly));
    // What was about to be taken up the user has not heard of.
    const shown = lost.filter((one) => this.#shown.has(one));
    if (shown.length === 0) return;
    this.#inTurn(async () => {
      const boundary = this.#boundary(boundMs);
      await this.#tell('onLost', shown, boundary);
      boundary.end();
    });
  }

  /** Gives up all within the time; resolves with what was not finished, in words. */
  async release(ms: number): Promise<string[]> {
    this.#released = true;
    this.#void();
    const unfinished: string[] = [];
    const { dispatcher, intake } = this.#setup;
    const boundary = this.#boundary(ms);
    const turned = this.#inTurn(async () => {
      // Waiting for the user to ask for more would wait for one who has just closed.
      if (intake.runner !== null) {
        unfinished.push(...(await endRunner(dispatcher, intake.runner, ms * 0.8)));
      }
      unfinished.push(...(await this.#handOver(intake.all(), boundary)));
    });
    // What was under way before may wait for answers that do not come; it is void, and not waited for much longer.
    const late = new Promise<typeof LATE>((resolve) => void dispatcher.clock.after(ms + GRACE_MS, () => resolve(LATE)));
    if ((await Promise.race([turned, late])) === LATE) unfinished.push('partitions were still being taken up');
    boundary.end();
    return unfinished;
  }

  // Giving up.

  async #giveUp(which: Held<K, V, H>[], ms: number): Promise<void> {
    if (which.length === 0) return;
    const { intake } = this.#setup;
    for (const one of which) intake.shut(one, { moving: true });
    const boundary = this.#boundary(ms);
    await boundary.race(intake.runner?.revoking(which.map(placeOnly)) ?? intake.quiet(which));
    if (!boundary.isVoid()) await this.#handOver(which, boundary);
    boundary.end();
    if (!boundary.isVoid()) for (const one of which) this.#remove(one);
  }

  /** The last things: the user's callback, and what is finished is committed. */
  async #handOver(which: readonly Held<K, V, H>[], boundary: Boundary): Promise<string[]> {
    if (which.length === 0) return [];
    const unfinished: string[] = [];
    await this.#commitFinished(which, boundary);
    // A close may come while the user is being told, or before he was told that it is his.
    const untold = which.filter((one) => this.#shown.has(one) && !this.#told.has(one));
    const late = await this.#tell('onRevoked', untold, boundary);
    if (late !== null && !boundary.isVoid()) unfinished.push(`${late} had not ended`);
    const failure = boundary.isVoid() ? null : await this.#commitFinished(which, boundary);
    if (failure !== null) unfinished.push(failure);
    return unfinished;
  }

  /** Null when what is finished is committed. */
  async #commitFinished(which: readonly Held<K, V, H>[], boundary: Boundary): Promise<string | null> {
    if (!this.#setup.autoCommit) return null;
    const due = finishedOf(which);
    if (due.length === 0) return null;
    const failure = await boundary.race(new Promise<BusError | null>((resolve) => this.#setup.commits.commit(due, resolve)));
    if (failure === null) return null;
    return `offsets of ${due.length} partitions were not committed: ${failure === LATE ? 'no answer in time' : failure.message}`;
  }

  #remove(one: Held<K, V, H>): void {
    if (one.paused) this.#paused.add(keyOf(one));
    this.#setup.intake.remove(one);
  }

  // Taking up.

  async #takeUp(places: readonly AssignedPlace[], age: number): Promise<void> {
    if (places.length === 0) return;
    const { intake, boundMs } = this.#setup;
    const isVoid = (): boolean => age !== this.#age;
    const known = await this.#known(places, isVoid);
    if (isVoid()) return;
    for (const place of places) this.#missing.set(keyOf(place), place);
    for (const place of known) this.#missing.delete(keyOf(place));
    if (known.length === 0) return;
    const committed = await this.#committed(known, isVoid);
    const starts = known.map((place) => this.#startOf(place, committed, isVoid));
    const patience = this.#boundary(Math.min(BEGINS_WITHIN_MS, boundMs));
    const positions = await Promise.all(starts.map((start) => patience.race(start)));
    patience.end();
    if (isVoid()) return;
    const late = new Set<Held<K, V, H>>();
    const taken = known.map((place, i) => {
      const position = positions[i];
      const one = intake.add(this.#setup.declaredOf(place.topic), place, position === LATE ? -1 : position);
      one.committed = committed?.get(keyOf(place)) ?? -1;
      one.paused = this.#paused.delete(keyOf(place));
      one.moving = true;
      if (position !== LATE) return one;
      late.add(one);
      this.#beginLater(one, starts[i]);
      return one;
    });
    const boundary = this.#boundary(boundMs);
    await this.#tell('onAssigned', taken, boundary);
    boundary.end();
    // What was known of their topics may have become stale meanwhile, and is forgotten then.
    const there = new Map((isVoid() ? [] : await this.#known(taken, isVoid)).map((place) => [keyOf(place), place]));
    if (isVoid()) return;
    for (const one of taken) {
      one.moving = false;
      // A topic that was deleted meanwhile, or made anew, is told by the next assignment.
      const known = there.get(keyOf(one));
      if (known === undefined) continue;
      if (one.position < 0 && committed !== null && !late.has(one)) intake.fail(nothingCommitted(this.#setup.groupId, one), 'once');
      intake.follow(one, known.metadata);
    }
    intake.wake();
  }

  /** For what is missing, less and less often: nobody would say that it can be found now. */
  #lookAgain(failures: number): void {
    const { dispatcher } = this.#setup;
    if (this.#looksAgain || this.#missing.size === 0) return;
    this.#looksAgain = true;
    dispatcher.clock.after(backoffMs(failures), () => {
      this.#inTurn(async () => {
        this.#looksAgain = false;
        if (dispatcher.closed) return;
        await this.#takeUp([...this.#missing.values()], this.#age);
        this.#lookAgain(failures + 1);
      });
    });
  }

  /** A partition that is held, and read when its host says where it begins, unless the user has sought before. */
  #beginLater(one: Held<K, V, H>, start: Promise<number>): void {
    const { intake } = this.#setup;
    start.then(
      (position) => {
        if (position < 0 || one.position >= 0 || intake.find(one) !== one) return;
        intake.seek(one, position);
        intake.wake();
      },
      (error: unknown) => intake.fail(asBusError(error), 'once'),
    );
  }

  /** Those whose topic is known by then; one that is not there any more, or whose name is another's, will leave the assignment too. */
  async #known(places: readonly AssignedPlace[], isVoid: () => boolean): Promise<KnownPlace[]> {
    const { dispatcher } = this.#setup;
    const last = new Map<string, AssignedPlace>();
    for (const place of places) if (place.partition >= (last.get(place.topic)?.partition ?? 0)) last.set(place.topic, place);
    const names = [...last.keys()];
    const there = await Promise.all(
      [...last].map(([name, { partition, topicId }]) =>
        this.#untilItWorks(
          () => loadTopicWith(dispatcher, name, partition, topicId),
          (error) => error.retriable && error.code !== 'UNKNOWN_TOPIC_OR_PARTITION',
          isVoid,
        ),
      ),
    );
    return places.flatMap(({ topic, partition, topicId }) => {
      const known = there[names.indexOf(topic)];
      if (known?.partitions[partition] === undefined || (topicId ?? known.topicId) !== known.topicId) return [];
      return [{ topic, partition, topicId: known.topicId, metadata: known }];
    });
  }

  /** Null: they could not be learnt, and the user was told. */
  async #committed(places: readonly TopicPartition[], isVoid: () => boolean): Promise<Map<string, number> | null> {
    const { dispatcher, groupId } = this.#setup;
    const fields = { groupId, memberId: null, epoch: -1, topics: topicsOf(places), requireStable: true };
    const reply = await this.#untilItWorks(
      () => askGroup(dispatcher, 'offsetFetch', fields, { deadlineMs: Number.POSITIVE_INFINITY, isVoid }),
      () => false,
      isVoid,
    );
    if (reply === null) return null;
    return new Map(reply.offsets.map((row) => [keyOf(row), row.error === 0 ? row.offset : -1]));
  }

  async #startOf(place: TopicPartition, committed: Map<string, number> | null, isVoid: () => boolean): Promise<number> {
    if (committed === null) return -1;
    const offset = committed.get(keyOf(place)) ?? -1;
    if (offset >= 0) return offset;
    const start = await this.#untilItWorks(
      () => this.#setup.startOf(place),
      (error) => error.retriable && error.code !== 'UNKNOWN_TOPIC_OR_PARTITION',
      isVoid,
    );
    return start ?? -1;
  }

  /** What cannot succeed is told to the user at his next read; null then, and as soon as it does not matter any more. */
  async #untilItWorks<T>(attempt: () => Promise<T>, isWorthTrying: (error: BusError) => boolean, isVoid: () => boolean): Promise<T | null> {
    const { dispatcher, intake } = this.#setup;
    // An answer may be long in coming, and what follows in the chain, or a close, does not wait for it.
    let cancel = (): void => {};
    const voided = new Promise<null>((resolve) => {
      cancel = () => resolve(null);
    });
    this.#cancels.add(cancel);
    try {
      for (let failures = 0; ; failures++) {
        if (isVoid() || dispatcher.closed) return null;
        try {
          return await Promise.race([attempt(), voided]);
        } catch (error) {
          if (!(error instanceof BusError)) throw error;
          if (isVoid() || error.code === 'CLOSED') return null;
          if (!isWorthTrying(error)) {
            if (error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') intake.fail(error, 'once');
            return null;
          }
        }
        await Promise.race([voided, new Promise<void>((resolve) => void dispatcher.clock.after(backoffMs(failures), resolve))]);
      }
    } finally {
      this.#cancels.delete(cancel);
    }
  }

  // Turns and bounds.

  #held(places: readonly TopicPartition[]): Held<K, V, H>[] {
    return places.map((place) => this.#setup.intake.find(place)).filter((one) => one !== undefined);
  }

  /**
   * Names the callback that has not ended in time: this one, or the one that it waited for; null when none is late. What is void by the
   * time of its turn is not told, since it is not so any more; but what is lost remains lost.
   */
  async #tell(what: keyof Callbacks, which: readonly Held<K, V, H>[], boundary: Boundary): Promise<string | null> {
    const callback = this.#setup.callbacks[what];
    const before = this.#running;
    let late = callback !== undefined && (await boundary.race(before.ended)) === LATE ? before.what : null;
    if (what !== 'onLost' && boundary.isVoid()) return null;
    if (what === 'onAssigned') for (const one of which) this.#shown.add(one);
    if (what === 'onRevoked') for (const one of which) this.#told.add(one);
    if (callback === undefined) return null;
    const places = which.map(placeOnly);
    const failed = (cause: unknown): void => process.emitWarning(userCodeFailed(what, cause));
    if (places.length > 0) this.#running = { what, ended: (async () => void (await callback(places)))().catch(failed) };
    if (late === null && (await boundary.race(this.#running.ended)) === LATE) late = what;
    if (late !== null && !boundary.isVoid()) {
      const words = `${late} has not ended within ${Math.round(boundary.ms)} ms; the group goes on without it`;
      process.emitWarning(new BusError('REQUEST_TIMED_OUT', words));
    }
    return late;
  }

  #inTurn(work: () => Promise<unknown>): Promise<void> {
    const turn = this.#chain.then(async () => {
      try {
        await work();
      } catch (error) {
        this.#setup.intake.fail(asBusError(error), 'once');
      }
    });
    this.#chain = turn;
    return turn;
  }

  #void(): void {
    this.#age++;
    this.#missing.clear();
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #boundary(ms: number): Boundary {
    const { clock } = this.#setup.dispatcher;
    const age = this.#age;
    let over: () => void = () => {};
    const expired = new Promise<typeof LATE>((resolve) => {
      over = () => resolve(LATE);
    });
    const timer = clock.after(ms, over, true);
    this.#cancels.add(over);
    return {
      ms,
      race: (promise) => Promise.race([promise, expired]),
      isVoid: () => age !== this.#age,
      end: () => {
        timer.cancel();
        this.#cancels.delete(over);
      },
    };
  }
}

/** Several waits within one time, which ends early when all is lost. */
interface Boundary {
  readonly ms: number;
  race<T>(promise: Promise<T>): Promise<T | typeof LATE>;
  isVoid(): boolean;
  end(): void;
}

/** What is finished of these and not known to be committed. */
export function finishedOf<K, V, H>(which: readonly Held<K, V, H>[]): Commit[] {
  return which
    .filter(({ finished, committed }) => finished >= 0 && finished !== committed)
    .map(({ topic, topicId, partition, finished, holding }) => {
      return { topic, topicId, partition, offset: finished, leaderEpoch: -1, metadata: '', holding };
    });
}

export function topicsOf(places: readonly TopicPartition[]): TopicPartitions[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [partition]);
    else known.push(partition);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

function nothingCommitted(groupId: string, { topic, partition }: TopicPartition): BusError {
  const what = `group "${groupId}" has committed nothing of ${topic}-${partition}: seek in onAssigned, or set autoOffsetReset`;
  return new BusError('OFFSET_OUT_OF_RANGE', what, { details: { groupId, topic, partition } });
}

function placesOf(topics: readonly AssignedPartitions[]): AssignedPlace[] {
  return topics.flatMap(({ topic, topicId, partitions }) => partitions.map((partition) => ({ topic, topicId, partition })));
}

function namesOf(places: readonly TopicPartition[]): string {
  return places.map(({ topic, partition }) => `${topic}-${partition}`).join(', ') || 'nothing';
}

function placeOnly({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

function asBusError(error: unknown): BusError {
  if (error instanceof BusError) return error;
  return new BusError('UNKNOWN_SERVER_ERROR', `partitions could not be given up or taken up: ${reasonOf(error)}`, { cause: error });
}
