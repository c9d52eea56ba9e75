/** Two groups of two members each, one of each protocol, that read a topic while somebody writes to it and whatever happens to its brokers. */
import { type Consumer, type RemoteBus, serdes } from '../../src/index.ts';

const protocols = ['consumer', 'classic'] as const;
const SEND_EVERY_MS = 20;
const PER_SEND = 8;

interface Group {
  groupId: string;
  seen: Set<number>;
  members: { consumer: Consumer<string | Uint8Array, number>; ended: Promise<unknown> }[];
}

export class SharedWork {
  readonly #remote: RemoteBus;
  readonly #topic: string;
  readonly #partitions: number;
  readonly #groups: Group[];
  readonly #writing: Promise<void>;
  #stopping = false;
  sent = 0;

  constructor(remote: RemoteBus, topic: string, partitions: number) {
    this.#remote = remote;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#groups = protocols.map((protocol) => {
      const group: Group = { groupId: `of-${protocol}`, seen: new Set(), members: [] };
      for (let i = 0; i < 2; i++) group.members.push(this.#member(group, protocol));
      return group;
    });
    this.#writing = this.#write();
  }

  get groupIds(): string[] {
    return this.#groups.map(({ groupId }) => groupId);
  }

  /** How many records each group has seen. */
  get seen(): number[] {
    return this.#groups.map(({ seen }) => seen.size);
  }

  /** Whether in each group both members have half of the partitions. */
  get isShared(): boolean {
    const half = this.#partitions / 2;
    return this.#groups.every(({ members }) => members.every(({ consumer }) => consumer.assignment().length === half));
  }

  async stopSending(): Promise<void> {
    this.#stopping = true;
    await this.#writing;
  }

  /** Resolves with what members could not finish, and why they ended if they did before. */
  async close(): Promise<unknown[]> {
    const wrong: unknown[] = [];
    for (const { consumer, ended } of this.#groups.flatMap(({ members }) => members)) {
      const { unfinished } = await consumer.close({ deadlineMs: 20_000 });
      wrong.push(...unfinished);
      const failure = await ended;
      if (failure !== undefined) wrong.push(failure);
    }
    return wrong;
  }

  #member({ groupId, seen }: Group, groupProtocol: (typeof protocols)[number]): Group['members'][number] {
    const consumer = this.#remote.consumer({
      groupId,
      topics: this.#topic,
      groupProtocol,
      value: serdes.json<number>(),
      autoOffsetReset: 'earliest',
      heartbeatIntervalMs: 200,
      sessionTimeoutMs: 6000,
      autoCommitIntervalMs: 100,
    });
    const read = async (): Promise<void> => {
      for await (const { value } of consumer) seen.add(value as number);
    };
    return { consumer, ended: read().catch((error: unknown) => error) };
  }

  async #write(): Promise<void> {
    const producer = this.#remote.producer({ value: serdes.json<number>() });
    while (!this.#stopping) {
      const records = Array.from({ length: PER_SEND }, () => ({ partition: this.sent % this.#partitions, value: this.sent++ }));
      await producer.send(this.#topic, records);
      await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS));
    }
    await producer.close();
  }
}
