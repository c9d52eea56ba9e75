/** The life of a KIP-848 member, event by event: what goes in, what state it is in then, and what follows. */
import { describe, expect, test } from 'vitest';
import { type ErrorName, errors } from '../../../src/base/errors.ts';
import { beginMembership, decideMembership, type Membership } from '../../../src/client/group/membership.ts';
import type { Effect, Happening } from '../../../src/client/group/steps.ts';
import type { GroupVerbs, TopicIdPartitions } from '../../../src/coordinator/groups/protocol.ts';

const setup = {
  groupId: 'g',
  instanceId: null as string | null,
  clientId: 'c',
  clientHost: 'thread 0',
  sessionTimeoutMs: 1000,
  rebalanceTimeoutMs: 5000,
  heartbeatIntervalMs: 100,
  memberId: 'm',
  assignor: null,
  topics: ['t'],
  topicRegex: '',
};

/** A member whose life a test tells line by line. */
class Life {
  state: Membership;
  nowMs = 0;
  #seq = 0;

  constructor(instanceId: string | null = null) {
    this.state = beginMembership({ ...setup, instanceId });
  }

  /** What follows, in short. */
  happen(happening: Happening): string[] {
    const { state, effects } = decideMembership(this.state, happening, this.nowMs);
    this.state = state;
    return effects.map((effect) => this.#short(effect));
  }

  hear(
    epoch: number,
    assignment: TopicIdPartitions[] | null = null,
    names: Record<string, string> = { T: 't', U: 'u', T2: 't' },
  ): string[] {
    const reply = {
      verb: 'consumerGroupHeartbeat',
      message: '',
      memberId: 'm',
      memberEpoch: epoch,
      heartbeatIntervalMs: 0,
      assignment,
      names,
    } as const;
    return this.happen({ event: 'answered', seq: this.#seq, error: 0, message: '', reply });
  }

  refuse(error: ErrorName, seq = this.#seq): string[] {
    return this.happen({ event: 'answered', seq, error: errors[error].code, message: '', reply: null as never });
  }

  refuseFor(error: ErrorName): string[] {
    const reply = {
      verb: 'consumerGroupHeartbeat',
      message: 'why',
      memberId: 'm',
      memberEpoch: 0,
      heartbeatIntervalMs: 0,
      assignment: null,
      names: {},
    } as const;
    return this.happen({ event: 'answered', seq: this.#seq, error: errors[error].code, message: 'why', reply });
  }

  /** Lets the time come at which something is due. */
  wait(): string[] {
    this.nowMs = this.state.dueMs;
    return this.happen({ event: 'due' });
  }

  #short(effect: Effect): string {
    switch (effect.do) {
      case 'ask': {
        this.#seq = effect.seq;
        const ask = effect.ask.fields as GroupVerbs['consumerGroupHeartbeat']['ask'];
        const owned = ask.owned === null ? '' : ` owns ${places(ask.owned.map((one) => ({ topic: one.topicId, ...one })))}`;
        return `heartbeat ${ask.memberEpoch}${ask.topics === null ? '' : ` reads ${ask.topics.join(' ')}`}${owned}`;
      }
      case 'reconcile':
        return `give up ${places(effect.revoke)}, take up ${places(effect.assign)}`;
      case 'lose':
        return `lose ${places(effect.partitions)}`;
      default:
        return effect.do;
    }
  }
}

function places(all: readonly { topic: string; partitions: number[] }[]): string {
  return all.length === 0 ? 'nothing' : all.map(({ topic, partitions }) => `${topic}:${partitions.join(',')}`).join(' ');
}

const of = (topicId: string, ...partitions: number[]): TopicIdPartitions => ({ topicId, partitions });

/** A member that owns t:0 and t:1 at epoch 2, and has said so. */
function settled(instanceId: string | null = null): Life {
  const life = new Life(instanceId);
  life.happen({ event: 'wanted' });
  life.hear(2, [of('T', 0, 1)]);
  life.happen({ event: 'reconciled' });
  life.hear(2);
  return life;
}

describe('a member', () => {
  test('joins when it is wanted, takes up what it is assigned, and says so at once', () => {
    const life = new Life();
    expect(life.state.phase).toBe('out');
    expect(life.happen({ event: 'due' })).toEqual([]);
    expect(life.happen({ event: 'wanted' })).toEqual(['heartbeat 0 reads t owns nothing']);
    expect(life.happen({ event: 'wanted' })).toEqual([]);
    expect(life.hear(2, [of('T', 0, 1)])).toEqual(['joined', 'give up nothing, take up t:0,1']);
    expect(life.happen({ event: 'reconciled' })).toEqual(['heartbeat 2 owns T:0,1']);
    expect(life.hear(2)).toEqual([]);
    expect(life.state).toMatchObject({ phase: 'member', epoch: 2, dueMs: 100 });
  });

  test('is heard at intervals, whatever the user does with what he was told', () => {
    const life = new Life();
    life.happen({ event: 'wanted' });
    life.hear(1, [of('T', 0)]);
    expect(life.wait()).toEqual(['heartbeat 1']);
    expect(life.hear(1)).toEqual([]);
    expect(life.wait()).toEqual(['heartbeat 1']);
    // The callback ends while a heartbeat is under way: what is owned now is said by one more.
    expect(life.happen({ event: 'reconciled' })).toEqual([]);
    expect(life.hear(1)).toEqual(['heartbeat 1 owns T:0']);
  });

  test('gives up only what moves, and takes up a later wish when it is done with the one before', () => {
    const life = settled();
    life.wait();
    expect(life.hear(3, [of('T', 1)])).toEqual(['give up t:0, take up nothing']);
    life.wait();
    expect(life.hear(4, [of('T', 1, 2), of('U', 5)])).toEqual([]);
    // What it takes up next is its own already; what it has given up may go to others now.
    expect(life.happen({ event: 'reconciled' })).toEqual(['heartbeat 4 owns T:1,2 U:5', 'give up nothing, take up t:2 u:5']);
    life.hear(4);
    expect(life.happen({ event: 'reconciled' })).toEqual(['heartbeat 4 owns T:1,2 U:5']);
  });

  test('gives up a topic that was made anew under its name, and takes up the new one', () => {
    const life = settled();
    life.wait();
    expect(life.hear(3, [of('T2', 0, 1)])).toEqual(['give up t:0,1, take up t:0,1']);
  });

  test('keeps the name of a topic that was deleted while it owns it, and gives it up by that', () => {
    const life = settled();
    life.wait();
    expect(life.hear(2, [of('T', 0)], {})).toEqual(['give up t:1, take up nothing']);
    life.happen({ event: 'reconciled' });
    expect(life.hear(3, [], {})).toEqual(['give up t:0, take up nothing']);
  });

  test('does not aim at a topic that is gone before it was told its name', () => {
    const life = settled();
    life.wait();
    expect(life.hear(3, [of('T', 0, 1), of('U', 0), of('X', 0)], { U: 'u' })).toEqual(['give up nothing, take up u:0']);
    expect(life.happen({ event: 'reconciled' })).toEqual(['heartbeat 3 owns T:0,1 U:0']);
  });

  test('never says that it does not own what it is taking up', () => {
    const life = new Life();
    life.happen({ event: 'wanted' });
    expect(life.hear(1, [of('T', 0)])).toEqual(['joined', 'give up nothing, take up t:0']);
    // It has said that it owns nothing, and must not say so again.
    expect(life.happen({ event: 'nudged' })).toEqual(['heartbeat 1']);
    expect(life.refuse('COORDINATOR_NOT_AVAILABLE')).toEqual([]);
    expect(life.wait()).toEqual(['heartbeat 1 reads t owns T:0']);
  });

  test('asks at once when something waits for it, and once more when it was asking', () => {
    const life = settled();
    expect(life.happen({ event: 'nudged' })).toEqual(['heartbeat 2']);
    expect(life.happen({ event: 'nudged' })).toEqual([]);
    expect(life.hear(2)).toEqual(['heartbeat 2']);
    expect(life.hear(2)).toEqual([]);
  });

  test.each(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH'] as const)('loses all by %s, and joins anew', (error) => {
    const life = settled();
    life.wait();
    expect(life.refuseFor(error)).toEqual(['lose t:0,1', 'heartbeat 0 reads t owns nothing']);
    expect(life.hear(7, [of('T', 1)])).toEqual(['joined', 'give up nothing, take up t:1']);
  });

  test('ends when a commit was refused because another has its name', () => {
    const life = settled('static');
    const { code } = errors.FENCED_INSTANCE_ID;
    expect(life.happen({ event: 'fenced', error: code, message: 'why' })).toEqual(['lose t:0,1', 'fail']);
    expect(life.happen({ event: 'wanted' })).toEqual([]);
  });

  test('that is fenced while it takes something up loses that too; what was being done about it is void', () => {
    const life = settled();
    life.wait();
    life.hear(3, [of('T', 0, 1, 2)]);
    expect(life.happen({ event: 'fenced', error: 25, message: '' })).toEqual(['lose t:0,1,2', 'heartbeat 0 reads t owns nothing']);
    expect(life.happen({ event: 'reconciled' })).toEqual([]);
    // An answer to what it asked before does not count any more.
    expect(life.refuse('FENCED_MEMBER_EPOCH', 1)).toEqual([]);
  });

  test('leaves first where the group still has it: refused until its session ended, it would ask without a pause and read nothing', () => {
    const life = settled();
    life.wait();
    expect(life.refuse('FENCED_MEMBER_EPOCH')).toEqual(['lose t:0,1', 'heartbeat 0 reads t owns nothing']);
    expect(life.refuse('FENCED_MEMBER_EPOCH')).toEqual(['heartbeat -1']);
    expect(life.hear(-1)).toEqual(['heartbeat 0 reads t owns nothing']);
    expect(life.hear(5, [of('T', 0, 1)])).toEqual(['joined', 'give up nothing, take up t:0,1']);
  });

  test('a static one leaves for a while, so that it keeps its place', () => {
    const life = settled('static');
    life.wait();
    life.refuse('FENCED_MEMBER_EPOCH');
    expect(life.refuse('FENCED_MEMBER_EPOCH')).toEqual(['heartbeat -2']);
    expect(life.hear(-2)).toEqual(['heartbeat 0 reads t owns nothing']);
  });

  test('says everything again when the coordinator was away, at growing intervals', () => {
    const life = settled();
    life.wait();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      expect(life.refuse('COORDINATOR_NOT_AVAILABLE')).toEqual([]);
      waits.push(life.state.dueMs - life.nowMs);
      expect(life.wait()).toEqual(['heartbeat 2 reads t owns T:0,1']);
    }
    expect(waits).toEqual([40, 80, 160, 320, 640, 1000, 1000, 1000]);
    expect(life.hear(2)).toEqual([]);
    expect(life.state.owned).toEqual([of('T', 0, 1)]);
    expect(life.wait()).toEqual(['heartbeat 2']);
  });

  test.each(['GROUP_MAX_SIZE_REACHED', 'INVALID_REGULAR_EXPRESSION', 'FENCED_INSTANCE_ID'] as const)('gives up by %s', (error) => {
    const life = settled('static');
    life.wait();
    expect(life.refuseFor(error)).toEqual(['lose t:0,1', 'fail']);
    expect(life.state).toMatchObject({ phase: 'ended', dueMs: Number.POSITIVE_INFINITY });
    expect(life.happen({ event: 'wanted' })).toEqual([]);
  });

  test('waits for the place that its name had, as long as two sessions', () => {
    const life = new Life('static');
    life.happen({ event: 'wanted' });
    while (life.nowMs < 2 * setup.sessionTimeoutMs) {
      expect(life.refuseFor('UNRELEASED_INSTANCE_ID')).toEqual([]);
      expect(life.wait()).toEqual(['heartbeat 0 reads t owns nothing']);
    }
    expect(life.refuseFor('UNRELEASED_INSTANCE_ID')).toEqual(['lose nothing', 'fail']);
  });
});

describe('a member leaves', () => {
  test.each([
    [null, 'heartbeat -1'],
    ['static', 'heartbeat -2'],
  ])('when it closes (instance %s)', (instanceId, goodbye) => {
    const life = settled(instanceId);
    expect(life.happen({ event: 'closing' })).toEqual([goodbye]);
    // A coordinator that is away is told again.
    life.refuse('COORDINATOR_NOT_AVAILABLE');
    expect(life.wait()).toEqual([goodbye]);
    expect(life.hear(-1)).toEqual(['left']);
    expect(life.state.phase).toBe('out');
  });

  test('before it has joined, without a word', () => {
    expect(new Life().happen({ event: 'closing' })).toEqual(['left']);
  });

  test('while it joins', () => {
    const life = new Life();
    life.happen({ event: 'wanted' });
    expect(life.happen({ event: 'closing' })).toEqual(['heartbeat -1']);
    expect(life.refuseFor('UNKNOWN_MEMBER_ID')).toEqual(['left']);
  });

  test('when the user asks for nothing more, and joins again when he does, even before it has left', () => {
    const life = settled();
    expect(life.happen({ event: 'stalled', message: '' })).toEqual(['lose t:0,1', 'heartbeat -1']);
    expect(life.happen({ event: 'wanted' })).toEqual([]);
    expect(life.hear(-1)).toEqual(['heartbeat 0 reads t owns nothing']);
    life.hear(5, []);
    expect(life.happen({ event: 'stalled', message: '' })).toEqual(['lose nothing', 'heartbeat -1']);
    expect(life.hear(-1)).toEqual(['left']);
    expect(life.happen({ event: 'wanted' })).toEqual(['heartbeat 0 reads t owns nothing']);
  });
});
