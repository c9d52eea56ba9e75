/** A group of one member that reads its topics as they grow, on Kafka's classic protocol and fetch sessions, and commits once a second. */
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { offsetCommit } from '../../src/kafka/api/08-offset-commit.ts';
import { findCoordinator } from '../../src/kafka/api/10-find-coordinator.ts';
import { joinGroup } from '../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../src/kafka/api/12-heartbeat.ts';
import { syncGroup } from '../../src/kafka/api/14-sync-group.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { batchBytes, countOf, maxTimestampOf, nextOffsetOf } from '../../src/record/batch-layout.ts';
import { WireClient } from '../../test/kafka/wire-client.ts';

const NOTHING = Buffer.alloc(0);
const COMMIT_MS = 1000;

export class ReadingGroup {
  /** Records that came, by now. */
  records = 0;
  readonly #groupId: string;
  readonly #port: number;
  /** By topic: where it goes on. */
  readonly #offsets: Map<string, number>;
  readonly #delivered: (delayMs: number, records: number) => void;
  #ended = false;

  /** `delivered` is told how old what came was, by the timestamp of each batch. */
  constructor(groupId: string, port: number, topics: readonly string[], delivered: (delayMs: number, records: number) => void) {
    this.#groupId = groupId;
    this.#port = port;
    this.#offsets = new Map(topics.map((topic) => [topic, 0]));
    this.#delivered = delivered;
  }

  end(): void {
    this.#ended = true;
  }

  /** Joins, tells that it has, and reads until the end. */
  async run(joined: () => void): Promise<void> {
    const [data, control] = await Promise.all([WireClient.open({ port: this.#port }), WireClient.open({ port: this.#port })]);
    try {
      const member = await this.#join(control);
      joined();
      await Promise.all([this.#read(data), this.#keep(control, member)]);
    } finally {
      data.close();
      control.close();
    }
  }

  async #join(client: WireClient): Promise<{ generationId: number; memberId: string }> {
    const groupId = this.#groupId;
    await again(async () => (await client.ask(findCoordinator, 2, { key: groupId, keyType: 0, coordinatorKeys: [] })).errorCode);
    let member = { generationId: -1, memberId: '' };
    await again(async () => {
      const protocols = [{ name: 'range', metadata: NOTHING }];
      const asked = { groupId, sessionTimeoutMs: 45_000, rebalanceTimeoutMs: 60_000, memberId: '', protocolType: 'consumer', protocols };
      const { errorCode, generationId, memberId } = await client.ask(joinGroup, 3, asked);
      member = { generationId, memberId };
      return errorCode;
    });
    const assignments = [{ memberId: member.memberId, assignment: NOTHING }];
    await again(async () => (await client.ask(syncGroup, 2, { groupId, ...member, assignments })).errorCode);
    return member;
  }

  async #read(client: WireClient): Promise<void> {
    let session = { sessionId: 0, sessionEpoch: 0 };
    let changed = new Set(this.#offsets.keys());
    while (!this.#ended) {
      const topics = [...changed].map((topic) => {
        const fetchOffset = this.#offsets.get(topic) ?? 0;
        return { topic, topicId: ZERO_UUID, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] };
      });
      const asked = { maxWaitMs: 500, minBytes: 1, maxBytes: 50 << 20, rackId: '', forgottenTopicsData: [] };
      const { errorCode, sessionId, responses } = await client.ask(fetch, 12, { ...asked, ...session, topics });
      if (errorCode !== 0) throw new Error(`${this.#groupId}: fetch was refused with ${errorCode}`);
      session = { sessionId, sessionEpoch: session.sessionEpoch + 1 };
      changed = new Set();
      const nowMs = Date.now();
      for (const { topic, partitions } of responses) {
        for (const { records, errorCode: code } of partitions) {
          if (code !== 0) throw new Error(`${this.#groupId}: ${topic} was refused with ${code}`);
          if (records === null || records.length === 0) continue;
          this.#take(topic, records as Buffer, nowMs);
          changed.add(topic);
        }
      }
    }
  }

  #take(topic: string, records: Buffer, nowMs: number): void {
    let next = this.#offsets.get(topic) ?? 0;
    for (let at = 0; at < records.length; at += batchBytes(records, at)) {
      // The first batch may begin before what was asked for.
      const nextOffset = nextOffsetOf(records, at);
      if (nextOffset <= next) continue;
      const count = countOf(records, at);
      this.records += count;
      this.#delivered(nowMs - maxTimestampOf(records, at), count);
      next = nextOffset;
    }
    this.#offsets.set(topic, next);
  }

  async #keep(client: WireClient, { generationId, memberId }: { generationId: number; memberId: string }): Promise<void> {
    const groupId = this.#groupId;
    while (!this.#ended) {
      await new Promise((resume) => setTimeout(resume, COMMIT_MS));
      const { errorCode } = await client.ask(heartbeat, 2, { groupId, generationId, memberId });
      if (errorCode !== 0) throw new Error(`${groupId}: its heartbeat was refused with ${errorCode}`);
      const topics = [...this.#offsets].map(([name, committedOffset]) => ({
        name,
        partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }],
      }));
      await client.ask(offsetCommit, 6, { groupId, generationIdOrMemberEpoch: generationId, memberId, topics });
    }
  }
}

/** Until it says 0: a broker may still be making what it keeps groups in. */
async function again(ask: () => Promise<number>): Promise<void> {
  for (let tries = 0; ; tries++) {
    const code = await ask();
    if (code === 0) return;
    if (tries === 600) throw new Error(`still refused with ${code}`);
    await new Promise((resume) => setTimeout(resume, 100));
  }
}
