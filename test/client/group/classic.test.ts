/** The life of a member of the classic protocol, event by event. */
import { describe, expect, test } from 'vitest';
import { cooperativeSticky, range } from '../../../src/assign/client.ts';
import { decodeSubscription, encodeAssignment } from '../../../src/assign/consumer-protocol.ts';
import { type ErrorName, errors } from '../../../src/base/errors.ts';
import { beginClassic, type ClassicMembership, decideClassic } from '../../../src/client/group/classic.ts';
import type { Effect, Happening, MemberReply } from '../../../src/client/group/steps.ts';
import type { TopicPartitions } from '../../../src/coordinator/groups/protocol.ts';

const setup = {
  groupId: 'g',
  instanceId: null as string | null,
  clientId: 'c',
  clientHost: 'thread 0',
  sessionTimeoutMs: 1000,
  rebalanceTimeoutMs: 5000,
  heartbeatIntervalMs: 100,
  topics: ['t'],
};

class Life {
  state: ClassicMembership;
  nowMs = 0;
  #seq = 0;
  #verb: MemberReply['verb'] = 'joinGroup';

  constructor(kind: 'eager' | 'cooperative', instanceId: string | null = null) {
    this.state = beginClassic({ ...setup, instanceId, assignors: [kind === 'eager' ? range : cooperativeSticky] });
  }

  happen(happening: Happening): string[] {
    const { state, effects } = decideClassic(this.state, happening, this.nowMs);
    this.state = state;
    return effects.map((effect) => this.#short(effect));
  }

  joined(generation: number, leader: string, skipAssignment = false): string[] {
    const members = leader === 'm' ? [{ memberId: 'm', instanceId: null, metadata: new Uint8Array(0) }] : [];
    return this.#hear({
      generation,
      protocolType: 'consumer',
      protocolName: 'range',
      leader,
      memberId: 'm',
      skipAssignment,
      members,
    });
  }

  synced(...partitions: number[]): string[] {
    const assignment = encodeAssignment({ partitions: partitions.length === 0 ? [] : [{ topic: 't', partitions }], userData: null });
    return this.#hear({ protocolType: 'consumer', protocolName: 'range', assignment });
  }

  heard(): string[] {
    return this.#hear({});
  }

  refuse(error: ErrorName, memberId = ''): string[] {
    const reply = { verb: this.#verb, message: 'why', memberId } as unknown as MemberReply;
    return this.happen({ event: 'answered', seq: this.#seq, error: errors[error].code, message: 'why', reply });
  }

  assigned(): string[] {
    return this.happen({ event: 'assigned', seq: this.#seq, assignments: [{ memberId: 'm', assignment: new Uint8Array(2) }] });
  }

  wait(): string[] {
    this.nowMs = this.state.dueMs;
    return this.happen({ event: 'due' });
  }

  #hear(fields: object): string[] {
    const reply = { verb: this.#verb, message: '', ...fields } as MemberReply;
    return this.happen({ event: 'answered', seq: this.#seq, error: 0, message: '', reply });
  }

  #short(effect: Effect): string {
    switch (effect.do) {
      case 'ask': {
        this.#seq = effect.seq;
        this.#verb = effect.ask.verb;
        if (effect.ask.verb === 'joinGroup') {
          const { memberId, protocols } = effect.ask.fields;
          const said = decodeSubscription(protocols[0].metadata);
          return `join as "${memberId}" reads ${said?.topics.join(' ')} owns ${places(said?.owned ?? [])}`;
        }
        if (effect.ask.verb === 'syncGroup') return `sync ${effect.ask.fields.generation} with ${effect.ask.fields.assignments.length}`;
        return effect.ask.verb;
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

function places(all: readonly TopicPartitions[]): string {
  return all.length === 0 ? 'nothing' : all.map(({ topic, partitions }) => `${topic}:${partitions.join(',')}`).join(' ');
}

/** A follower that owns t:0 and t:1 in generation 1. */
function settled(kind: 'eager' | 'cooperative', instanceId: string | null = null): Life {
  const life = new Life(kind, instanceId);
  life.happen({ event: 'wanted' });
  life.refuse('MEMBER_ID_REQUIRED', 'm');
  life.joined(1, 'other');
  life.synced(0, 1);
  life.happen({ event: 'reconciled' });
  return life;
}

describe('a member of the classic protocol', () => {
  test('is told its id, joins by it, syncs, and takes up what the leader gave it', () => {
    const life = new Life('eager');
    expect(life.happen({ event: 'wanted' })).toEqual(['join as "" reads t owns nothing']);
    expect(life.refuse('MEMBER_ID_REQUIRED', 'm')).toEqual(['join as "m" reads t owns nothing']);
    expect(life.joined(1, 'other')).toEqual(['sync 1 with 0']);
    expect(life.synced(0, 1)).toEqual(['joined', 'give up nothing, take up t:0,1']);
    // Heard at intervals while the user is being told.
    expect(life.wait()).toEqual(['heartbeat']);
    expect(life.heard()).toEqual([]);
    expect(life.happen({ event: 'reconciled' })).toEqual([]);
    expect(life.state).toMatchObject({ phase: 'member', epoch: 1, dueMs: 200 });
  });

  test('that leads assigns for all', () => {
    const life = new Life('eager');
    life.happen({ event: 'wanted' });
    expect(life.joined(1, 'm')).toEqual(['assign']);
    expect(life.assigned()).toEqual(['sync 1 with 1']);
    expect(life.synced(0)).toEqual(['joined', 'give up nothing, take up t:0']);
  });

  test('whose assignor throws ends, and leaves the others to themselves', () => {
    const life = new Life('eager');
    life.happen({ event: 'wanted' });
    life.joined(1, 'm');
    expect(life.happen({ event: 'assignFailed', seq: life.state.seq, message: 'oops' })).toEqual(['lose nothing', 'fail', 'leaveGroup']);
  });

  test('gives up all before it joins again when its assignor is eager; it is heard meanwhile', () => {
    const life = settled('eager');
    life.wait();
    expect(life.refuse('REBALANCE_IN_PROGRESS')).toEqual(['give up t:0,1, take up nothing']);
    expect(life.wait()).toEqual(['heartbeat']);
    expect(life.refuse('REBALANCE_IN_PROGRESS')).toEqual([]);
    expect(life.happen({ event: 'reconciled' })).toEqual(['join as "m" reads t owns nothing']);
    life.joined(2, 'other');
    expect(life.synced(1)).toEqual(['give up nothing, take up t:1']);
  });

  test('keeps what it has when its assignor is cooperative, and joins once more when it has given something up', () => {
    const life = settled('cooperative');
    life.wait();
    expect(life.refuse('REBALANCE_IN_PROGRESS')).toEqual(['join as "m" reads t owns t:0,1']);
    life.joined(2, 'other');
    expect(life.synced(1)).toEqual(['give up t:0, take up nothing']);
    expect(life.happen({ event: 'reconciled' })).toEqual(['join as "m" reads t owns t:1']);
    life.joined(3, 'other');
    expect(life.synced(1)).toEqual([]);
  });

  test('finishes telling the user before the next round', () => {
    const life = settled('cooperative');
    life.wait();
    life.refuse('REBALANCE_IN_PROGRESS');
    life.joined(2, 'other');
    life.synced(0, 1, 2);
    life.wait();
    expect(life.refuse('REBALANCE_IN_PROGRESS')).toEqual([]);
    expect(life.wait()).toEqual(['heartbeat']);
    life.heard();
    expect(life.happen({ event: 'reconciled' })).toEqual(['join as "m" reads t owns t:0,1,2']);
  });

  test('a sync that came too late begins a round', () => {
    const life = new Life('cooperative');
    life.happen({ event: 'wanted' });
    life.joined(1, 'other');
    expect(life.refuse('REBALANCE_IN_PROGRESS')).toEqual(['join as "m" reads t owns nothing']);
  });

  test.each([
    ['UNKNOWN_MEMBER_ID', ''],
    ['ILLEGAL_GENERATION', 'm'],
  ] as const)('loses all by %s, and joins again as "%s"', (error, id) => {
    const life = settled('cooperative');
    life.wait();
    expect(life.refuse(error)).toEqual(['lose t:0,1', `join as "${id}" reads t owns nothing`]);
    expect(life.state).toMatchObject({ phase: 'joining', epoch: -1 });
  });

  test('waits for a coordinator that is away', () => {
    const life = settled('eager');
    life.wait();
    expect(life.refuse('NOT_COORDINATOR')).toEqual([]);
    expect(life.wait()).toEqual(['heartbeat']);
    expect(life.heard()).toEqual([]);
  });

  test('begins a round when its topics are others; when only their partitions are, the leader does', () => {
    const follower = settled('cooperative');
    expect(follower.happen({ event: 'resubscribed', topics: ['t'] })).toEqual([]);
    expect(follower.happen({ event: 'resubscribed', topics: ['t', 'u'] })).toEqual(['join as "m" reads t u owns t:0,1']);
    const leader = new Life('cooperative');
    leader.happen({ event: 'wanted' });
    leader.joined(1, 'm');
    leader.assigned();
    leader.synced(0);
    leader.happen({ event: 'reconciled' });
    expect(leader.happen({ event: 'resubscribed', topics: ['t'] })).toEqual(['join as "m" reads t owns t:0']);
  });

  test('whose topics are others by the time its first join is answered joins again', () => {
    const life = new Life('eager');
    life.happen({ event: 'wanted' });
    expect(life.happen({ event: 'resubscribed', topics: ['t', 'u'] })).toEqual([]);
    life.joined(1, 'other');
    expect(life.synced()).toEqual(['joined', 'join as "m" reads t u owns nothing']);
  });

  test('that led and comes back under its name leads on, and looks after partitions that are added', () => {
    const life = new Life('cooperative', 'name');
    const { effects } = decideClassic(life.state, { event: 'wanted' }, 0);
    expect(effects).toMatchObject([{ do: 'ask', ask: { verb: 'joinGroup', fields: { canSkipAssignment: true } } }]);
    life.happen({ event: 'wanted' });
    expect(life.joined(1, 'm', true)).toEqual(['sync 1 with 0']);
    life.synced(0);
    life.happen({ event: 'reconciled' });
    expect(life.happen({ event: 'resubscribed', topics: ['t'] })).toEqual(['join as "m" reads t owns t:0']);
  });

  test.each(['INCONSISTENT_GROUP_PROTOCOL', 'FENCED_INSTANCE_ID', 'GROUP_MAX_SIZE_REACHED'] as const)('ends by %s', (error) => {
    const life = new Life('eager');
    life.happen({ event: 'wanted' });
    expect(life.refuse(error)).toEqual(['lose nothing', 'fail']);
    expect(life.state.phase).toBe('ended');
  });

  test('ends when a commit was refused because another has its name, and does not take that back', () => {
    const life = settled('eager', 'name');
    const { code } = errors.FENCED_INSTANCE_ID;
    expect(life.happen({ event: 'fenced', error: code, message: 'why' })).toEqual(['lose t:0,1', 'fail']);
    expect(life.state.phase).toBe('ended');
  });

  test('leaves when it closes; with a name of its own it keeps its place', () => {
    const life = settled('eager');
    expect(life.happen({ event: 'closing' })).toEqual(['leaveGroup']);
    expect(life.heard()).toEqual(['left']);
    expect(settled('eager', 'static').happen({ event: 'closing' })).toEqual(['left']);
  });

  test('that closes before it has an id waits for the id, so that nobody else does', () => {
    const life = new Life('eager');
    life.happen({ event: 'wanted' });
    expect(life.happen({ event: 'closing' })).toEqual([]);
    expect(life.refuse('MEMBER_ID_REQUIRED', 'm')).toEqual(['leaveGroup']);
    expect(life.heard()).toEqual(['left']);
    const unheard = new Life('eager');
    unheard.happen({ event: 'wanted' });
    unheard.happen({ event: 'closing' });
    expect(unheard.refuse('COORDINATOR_NOT_AVAILABLE')).toEqual(['left']);
  });

  test('leaves when the user asks for nothing more, and comes back', () => {
    const life = settled('cooperative');
    expect(life.happen({ event: 'stalled', message: '' })).toEqual(['lose t:0,1', 'leaveGroup']);
    expect(life.happen({ event: 'wanted' })).toEqual([]);
    expect(life.heard()).toEqual(['join as "" reads t owns nothing']);
  });
});
