/** One who asks a broker and notes what it answers: a connection of its own, a label for each case, and what happens when there is no answer. */
import { setTimeout as delay } from 'node:timers/promises';
import { listOffsets } from '../../../src/kafka/api/02-list-offsets.ts';
import { metadata } from '../../../src/kafka/api/03-metadata.ts';
import { apiVersions } from '../../../src/kafka/api/18-api-versions.ts';
import { createTopics } from '../../../src/kafka/api/19-create-topics.ts';
import { type Api, type Decoded, type Encodable, type Shape, ZERO_UUID } from '../../../src/kafka/schema.ts';
import { WireClient } from '../../kafka/wire-client.ts';
import { type Json, normalOf } from './normal.ts';

/** Longer than any case waits on purpose. */
const ANSWER_MS_MAX = 5000;
/** What a broker may take to do what it was asked for. */
const UNTIL_MS_MAX = 20_000;
const LOOK_MS = 20;

/** By the case's name: the API, its version, and a label. */
export type Answers = Map<string, Json>;

/** An id that no topic has. */
export const NO_TOPIC_ID = '0123456789abcdef0123456789abcdef';

export class Asker {
  readonly answers: Answers;
  readonly #names: Map<string, string>;
  readonly #port: number;
  readonly #spoken: ReadonlySet<number>;
  #client: WireClient;

  private constructor(port: number, client: WireClient, spoken: ReadonlySet<number>, answers: Answers, names: Map<string, string>) {
    this.#port = port;
    this.#client = client;
    this.#spoken = spoken;
    this.answers = answers;
    this.#names = names;
  }

  static async open(port: number, answers: Answers = new Map()): Promise<Asker> {
    const client = await WireClient.open({ port });
    const { apiKeys } = await client.ask(apiVersions, 3, { clientSoftwareName: 'answers', clientSoftwareVersion: '1' });
    const names = new Map([
      [ZERO_UUID, 'no id'],
      [NO_TOPIC_ID, 'an unknown id'],
    ]);
    return new Asker(port, client, new Set(apiKeys.map(({ apiKey }) => apiKey)), answers, names);
  }

  /** Another connection, for cases in which one waits while another acts. */
  async another(): Promise<Asker> {
    return new Asker(this.#port, await WireClient.open({ port: this.#port }), this.#spoken, this.answers, this.#names);
  }

  /** Asks, and notes the answer as that of a case. Null: there was none. */
  async ask<Q extends Shape, P extends Shape>(
    label: string,
    api: Api<Q, P>,
    request: Encodable<Q>,
    version = api.versions[1],
  ): Promise<Decoded<P> | null> {
    const name = `${api.name} v${version} ${label}`;
    if (this.answers.has(name)) throw new Error(`two cases are called "${name}"`);
    this.answers.set(name, null);
    const { answer, failure } = await this.#answer(api, request, version);
    this.answers.set(name, answer === null ? failure : normalOf(api.response, answer, this.#names));
    return answer;
  }

  /** Asks for what a case needs. */
  async prepare<Q extends Shape, P extends Shape>(api: Api<Q, P>, request: Encodable<Q>, version = api.versions[1]): Promise<Decoded<P>> {
    const { answer, failure } = await this.#answer(api, request, version);
    if (answer === null) throw new Error(`${api.name} v${version}: ${failure}`);
    return answer;
  }

  /** Asks until the answer is as it should be: brokers of Kafka make up their minds while they answer. */
  async until<Q extends Shape, P extends Shape>(
    api: Api<Q, P>,
    request: Encodable<Q>,
    holds: (answer: Decoded<P>) => boolean,
    version = api.versions[1],
  ): Promise<Decoded<P>> {
    const endMs = performance.now() + UNTIL_MS_MAX;
    for (;;) {
      const answer = await this.prepare(api, request, version);
      if (holds(answer)) return answer;
      if (performance.now() > endMs)
        throw new Error(`${api.name} v${version}: still ${JSON.stringify(normalOf(api.response, answer, this.#names))}`);
      await delay(LOOK_MS);
    }
  }

  /** Notes something that is no answer, under the name of a case. */
  note(name: string, value: Json): void {
    this.answers.set(name, value);
  }

  /** From now on the id is shown by that name. */
  call(id: string, name: string): void {
    this.#names.set(id, name);
  }

  /** Makes topics with so many partitions each, and waits until they can be used; gives their ids. */
  async makeTopics<N extends string>(
    topics: Readonly<Record<N, number>>,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<Record<N, string>> {
    const wanted = Object.entries<number>(topics);
    const counts = new Map(wanted);
    const rows = wanted.map(([name, numPartitions]) => ({
      name,
      numPartitions,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    }));
    await this.prepare(createTopics, { topics: rows, timeoutMs: 10_000 });
    const named = wanted.map(([name]) => ({ topicId: ZERO_UUID, name }));
    const noOps = { includeTopicAuthorizedOperations: false, includeClusterAuthorizedOperations: false };
    const answer = await this.until(metadata, { topics: named, allowAutoTopicCreation: false, ...noOps }, ({ topics: seen }) =>
      seen.every(({ errorCode, name, partitions }) => {
        const isThere = errorCode === 0 && name !== null && partitions.length === counts.get(name);
        return isThere && partitions.every(({ leaderId }) => leaderId === 1);
      }),
    );
    // A leader that is named may not lead yet.
    const starts = wanted.map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -2 })),
    }));
    await this.until(listOffsets, { replicaId: -1, isolationLevel: 0, topics: starts, timeoutMs: 1000 }, ({ topics: seen }) =>
      seen.every(({ partitions }) => partitions.every(({ errorCode }) => errorCode === 0)),
    );
    for (const { name, topicId } of answer.topics) this.call(topicId, `id of ${name}`);
    return Object.fromEntries(answer.topics.map(({ name, topicId }) => [name ?? '', topicId])) as Record<N, string>;
  }

  close(): void {
    this.#client.close();
  }

  async #answer<Q extends Shape, P extends Shape>(
    api: Api<Q, P>,
    request: Encodable<Q>,
    version: number,
  ): Promise<{ answer: Decoded<P> | null; failure: string }> {
    if (!this.#spoken.has(api.key)) return { answer: null, failure: 'not advertised' };
    const timer = new AbortController();
    const late = delay(ANSWER_MS_MAX, 'no answer' as const, { signal: timer.signal }).catch(() => 'no answer' as const);
    try {
      const answer = await Promise.race([this.#client.ask(api, version, request), late]);
      if (answer !== 'no answer') return { answer, failure: '' };
      this.#client.close();
      this.#client = await WireClient.open({ port: this.#port });
      return { answer: null, failure: 'no answer' };
    } catch (error) {
      const failure = error instanceof Error && /connection was closed/.test(error.message) ? 'the connection was closed' : String(error);
      this.#client.close();
      this.#client = await WireClient.open({ port: this.#port });
      return { answer: null, failure };
    } finally {
      timer.abort();
    }
  }
}
