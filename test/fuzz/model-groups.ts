/** One member of a group of either protocol: what it may do, and what those may not who are not it or of its time. A refusal changes no offset. */
import { errors } from '../../src/base/errors.ts';
import { offsetCommit } from '../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../src/kafka/api/09-offset-fetch.ts';
import { joinGroup } from '../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../src/kafka/api/12-heartbeat.ts';
import { leaveGroup } from '../../src/kafka/api/13-leave-group.ts';
import { syncGroup } from '../../src/kafka/api/14-sync-group.ts';
import { consumerGroupHeartbeat } from '../../src/kafka/api/68-consumer-group-heartbeat.ts';
import type { Random } from '../../src/world/random.ts';
import { expectSame } from './sequences.ts';
import type { Asks } from './witness.ts';

/** Commits, and looks whether they counted. */
class Offsets {
  readonly #client: Asks;
  readonly #group: string;
  readonly #topic: string;
  readonly #refused: number;
  #committed = -1;

  constructor(client: Asks, group: string, topic: string, refused: number) {
    this.#client = client;
    this.#group = group;
    this.#topic = topic;
    this.#refused = refused;
  }

  /** One in three is of a generation, or a member, that is not. */
  async step(memberId: string, generation: number, random: Random): Promise<string> {
    const kind = (['sound', 'wrong generation', 'wrong member'] as const)[random.below(3)];
    const codes = { sound: 0, 'wrong generation': this.#refused, 'wrong member': errors.UNKNOWN_MEMBER_ID.code };
    const offset = random.below(1_000_000);
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }];
    const answer = await this.#client.ask(offsetCommit, 9, {
      groupId: this.#group,
      memberId: kind === 'wrong member' ? `${memberId}x` : memberId,
      generationIdOrMemberEpoch: kind === 'wrong generation' ? generation + 3 : generation,
      topics: [{ name: this.#topic, partitions }],
    });
    expectSame(`a ${kind} commit`, answer.topics[0].partitions[0].errorCode, codes[kind]);
    if (kind === 'sound') this.#committed = offset;
    const topics = [{ name: this.#topic, partitionIndexes: [0] }];
    const fetched = await this.#client.ask(offsetFetch, 5, { groupId: this.#group, topics, groups: [] });
    expectSame(`what is committed after a ${kind} commit`, fetched.topics[0].partitions[0].committedOffset, this.#committed);
    return `groups: ${kind} commit`;
  }
}

export class ClassicMember {
  readonly #client: Asks;
  readonly #offsets: Offsets;
  #member: { id: string; generation: number } | null = null;

  constructor(client: Asks, topic: string) {
    this.#client = client;
    this.#offsets = new Offsets(client, 'classic', topic, errors.ILLEGAL_GENERATION.code);
  }

  async step(random: Random): Promise<string> {
    const member = this.#member;
    if (member === null) return this.#join();
    const { id, generation } = member;
    switch (random.below(6)) {
      case 0:
        expectSame('a heartbeat', await this.#beat(id, generation), 0);
        return 'groups: heartbeat';
      case 1:
        expectSame('a heartbeat of another time', await this.#beat(id, generation + 1), errors.ILLEGAL_GENERATION.code);
        return 'groups: wrong generation';
      case 2:
        expectSame('a heartbeat of nobody', await this.#beat(`${id}x`, generation), errors.UNKNOWN_MEMBER_ID.code);
        return 'groups: wrong member';
      case 3: {
        if (random.below(3) > 0) return this.#offsets.step(id, generation, random);
        const answer = await this.#client.ask(leaveGroup, 5, {
          groupId: 'classic',
          memberId: '',
          members: [{ memberId: id, groupInstanceId: null }],
        });
        expectSame('a member that leaves', [answer.errorCode, answer.members[0].errorCode], [0, 0]);
        expectSame('a heartbeat after that', await this.#beat(id, generation), errors.UNKNOWN_MEMBER_ID.code);
        this.#member = null;
        return 'groups: left';
      }
      case 4: {
        const sync = {
          groupId: 'classic',
          generationId: generation + 1,
          memberId: id,
          protocolType: 'consumer',
          protocolName: 'range',
          assignments: [],
        };
        expectSame('a sync of another time', (await this.#client.ask(syncGroup, 5, sync)).errorCode, errors.ILLEGAL_GENERATION.code);
        return 'groups: wrong sync';
      }
      default:
        return this.#offsets.step(id, generation, random);
    }
  }

  async #join(): Promise<string> {
    const protocols = [{ name: 'range', metadata: Buffer.alloc(4) }];
    const join = {
      groupId: 'classic',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 1000,
      protocolType: 'consumer',
      protocols,
      groupInstanceId: null,
    };
    const first = await this.#client.ask(joinGroup, 9, { ...join, memberId: '', reason: null });
    expectSame('a first join', first.errorCode, errors.MEMBER_ID_REQUIRED.code);
    const { errorCode, generationId, memberId } = await this.#client.ask(joinGroup, 9, { ...join, memberId: first.memberId, reason: null });
    expectSame('a join', [errorCode, memberId], [0, first.memberId]);
    const assignments = [{ memberId, assignment: Buffer.from('mine') }];
    const sync = { groupId: 'classic', generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments };
    const synced = await this.#client.ask(syncGroup, 5, sync);
    expectSame('a sync', [synced.errorCode, String(Buffer.from(synced.assignment))], [0, 'mine']);
    this.#member = { id: memberId, generation: generationId };
    return 'groups: joined';
  }

  async #beat(memberId: string, generationId: number): Promise<number> {
    return (await this.#client.ask(heartbeat, 4, { groupId: 'classic', generationId, memberId, groupInstanceId: null })).errorCode;
  }
}

export class ConsumerMember {
  readonly #client: Asks;
  readonly #topic: string;
  readonly #offsets: Offsets;
  #member: { id: string; epoch: number } | null = null;
  #next = 0;

  constructor(client: Asks, topic: string) {
    this.#client = client;
    this.#topic = topic;
    this.#offsets = new Offsets(client, 'consumer', topic, errors.STALE_MEMBER_EPOCH.code);
  }

  async step(random: Random): Promise<string> {
    const member = this.#member;
    if (member === null) {
      const id = `member-${this.#next++}`;
      const answer = await this.#beat(id, 0);
      expectSame('a join', [answer.errorCode, answer.memberEpoch > 0], [0, true]);
      this.#member = { id, epoch: answer.memberEpoch };
      return 'groups: joined by heartbeat';
    }
    const { id, epoch } = member;
    switch (random.below(6)) {
      case 0:
        expectSame('a heartbeat', (await this.#beat(id, epoch)).errorCode, 0);
        return 'groups: heartbeat of an epoch';
      case 1:
        expectSame('an epoch to come', (await this.#beat(id, epoch + 5)).errorCode, errors.FENCED_MEMBER_EPOCH.code);
        return 'groups: wrong epoch';
      case 2:
        expectSame('a heartbeat of nobody', (await this.#beat(`${id}x`, epoch)).errorCode, errors.UNKNOWN_MEMBER_ID.code);
        return 'groups: wrong member of an epoch';
      case 3:
        if (random.below(3) > 0) return this.#offsets.step(id, epoch, random);
        expectSame('a member that leaves', (await this.#beat(id, -1)).errorCode, 0);
        expectSame('a heartbeat after that', (await this.#beat(id, epoch)).errorCode, errors.UNKNOWN_MEMBER_ID.code);
        this.#member = null;
        return 'groups: left by heartbeat';
      default:
        return this.#offsets.step(id, epoch, random);
    }
  }

  #beat(memberId: string, memberEpoch: number) {
    const joins = memberEpoch === 0;
    return this.#client.ask(consumerGroupHeartbeat, 1, {
      groupId: 'consumer',
      memberId,
      memberEpoch,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: joins ? 30_000 : -1,
      subscribedTopicNames: joins ? [this.#topic] : null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: joins ? [] : null,
    });
  }
}
