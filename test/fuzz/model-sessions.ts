/** A fetch session (KIP-227) as a client has to find it: what it follows and where, an epoch that rises, and errors of its own for everything else. */
import { errors } from '../../src/base/errors.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { type Decoded, ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import type { Random } from '../../src/world/random.ts';
import { expectSame } from './sequences.ts';
import type { Asks } from './witness.ts';

type Response = Decoded<typeof fetch.response>;
interface Session {
  id: number;
  epoch: number;
  /** Offsets by partition. */
  follows: Map<number, number>;
}

export class SessionModel {
  readonly #client: Asks;
  readonly #topic: string;
  readonly #ends: () => number[];
  #session: Session | null = null;

  constructor(client: Asks, topic: string, ends: () => number[]) {
    this.#client = client;
    this.#topic = topic;
    this.#ends = ends;
  }

  async step(random: Random): Promise<string> {
    const session = this.#session;
    if (session === null) return this.#begin(random);
    const { id, epoch } = session;
    switch (random.below(8)) {
      case 0:
        expectSame('a session that nobody has', (await this.#ask(id ^ 1, epoch, [])).errorCode, errors.FETCH_SESSION_ID_NOT_FOUND.code);
        return 'sessions: unknown';
      case 1: {
        const wrong = [epoch + 1, epoch - 1 || 7, 0x7fff_ffff][random.below(3)];
        expectSame(`epoch ${wrong} for ${epoch}`, (await this.#ask(id, wrong, [])).errorCode, errors.INVALID_FETCH_SESSION_EPOCH.code);
        return 'sessions: wrong epoch';
      }
      case 2: {
        expectSame('the last fetch', (await this.#ask(id, -1, [])).errorCode, 0);
        this.#session = null;
        expectSame('after the last fetch', (await this.#ask(id, epoch, [])).errorCode, errors.FETCH_SESSION_ID_NOT_FOUND.code);
        return 'sessions: closed';
      }
      case 3: {
        const [partition] = session.follows.keys();
        if (partition === undefined) throw new Error('a session follows something');
        session.follows.delete(partition);
        const answer = await this.#ask(id, this.#next(), [], [partition]);
        if (session.follows.size > 0) {
          this.#check(answer);
          return 'sessions: forgets';
        }
        // A session ends with its last partition.
        this.#session = null;
        expectSame('a session without partitions', [answer.errorCode, answer.sessionId], [0, 0]);
        expectSame('after its last partition', (await this.#ask(id, session.epoch, [])).errorCode, errors.FETCH_SESSION_ID_NOT_FOUND.code);
        return 'sessions: forgets all';
      }
      case 4:
        this.#check(await this.#ask(id, this.#next(), []));
        return 'sessions: goes on';
      default: {
        const partition = random.below(3);
        const offset = random.below(this.#end(partition) + 3) - 1;
        session.follows.set(partition, offset);
        this.#check(await this.#ask(id, this.#next(), [[partition, offset]]));
        return 'sessions: follows';
      }
    }
  }

  async #begin(random: Random): Promise<string> {
    const follows = new Map([[0, random.below(this.#end(0) + 1)]]);
    const answer = await this.#ask(0, 0, [...follows]);
    expectSame('a new session', [answer.errorCode, answer.sessionId > 0], [0, true]);
    this.#session = { id: answer.sessionId, epoch: 1, follows };
    this.#check(answer);
    return 'sessions: new';
  }

  /** The epoch of the next fetch, which is taken by it. */
  #next(): number {
    const session = this.#session as Session;
    return session.epoch++;
  }

  /** Each followed partition has its records or its error; one that has neither need not be named; no other is. */
  #check({ errorCode, responses, sessionId }: Response): void {
    const { follows, id } = this.#session as Session;
    expectSame('a sound fetch', [errorCode, sessionId], [0, id]);
    const rows = new Map(responses.flatMap(({ partitions }) => partitions.map((row) => [row.partitionIndex, row])));
    for (const partition of rows.keys()) if (!follows.has(partition)) throw new Error(`partition ${partition} is not followed`);
    for (const [partition, offset] of follows) {
      const end = this.#end(partition);
      const row = rows.get(partition);
      const bytes = Buffer.from(row?.records ?? []);
      const [first] = readRecords(bytes, 0, bytes.length, Math.max(0, offset));
      const found = [row?.errorCode ?? 0, first?.offset ?? -1];
      if (end < 0) expectSame(`partition ${partition}, which is not there`, found, [errors.UNKNOWN_TOPIC_OR_PARTITION.code, -1]);
      else if (offset < 0 || offset > end) expectSame(`offset ${offset} of ${end}`, found, [errors.OFFSET_OUT_OF_RANGE.code, -1]);
      else expectSame(`offset ${offset} of ${end}`, found, [0, offset < end ? offset : -1]);
    }
  }

  /** −1: there is none. */
  #end(partition: number): number {
    return this.#ends()[partition] ?? -1;
  }

  #ask(
    sessionId: number,
    sessionEpoch: number,
    wanted: readonly (readonly [number, number])[],
    forgotten: number[] = [],
  ): Promise<Response> {
    const partitions = wanted.map(([partition, fetchOffset]) => ({ partition, fetchOffset, partitionMaxBytes: 1 << 20 }));
    const topics = partitions.length === 0 ? [] : [{ topic: this.#topic, topicId: ZERO_UUID, partitions }];
    const forgottenTopicsData = forgotten.length === 0 ? [] : [{ topic: this.#topic, topicId: ZERO_UUID, partitions: forgotten }];
    return this.#client.ask(fetch, 11, { maxWaitMs: 0, minBytes: 0, rackId: '', sessionId, sessionEpoch, topics, forgottenTopicsData });
  }
}
