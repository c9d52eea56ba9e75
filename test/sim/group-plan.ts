/** Groups in a seed: who takes part in which, over which protocol, how patiently, and what each does besides reading. */
import { type Random, seededRandom } from '../../src/world/random.ts';
import { chance, pick } from './users.ts';

export interface GroupPlan {
  groupId: string;
  topics: string[];
  /** It reads by a pattern: its topics, and those that are made and deleted under way. */
  byPattern: boolean;
  /** Now and then all of its members go, and an administrator moves its offsets. */
  resets: boolean;
  protocol: 'consumer' | 'classic';
  assignor: 'uniform' | 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky';
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  maxPollIntervalMs: number;
}

export interface MemberHabits {
  /** Index of its group. */
  group: number;
  style: 'poll' | 'commit' | 'run';
  autoCommitIntervalMs: number;
  /** A name that stays over its returns. */
  instance: boolean;
  /** How long it stays and then stays away; 0: it stays until the end. */
  staysMs: number;
  awayMs: number;
  /** Percent of rounds in which it stops for longer than the group waits, or pauses a partition. */
  stalls: number;
  pauses: number;
  /** What a record, or a round, takes, and what giving up does. */
  handlingMs: number;
  revokingMs: number;
  recordsMax: number;
  /** Percent of records that a handler of `run` fails at first. */
  fails: number;
  concurrency: number;
}

/** Groups of a seed, and by life those who take part. The first member of a group is on the main thread, and stays. */
export interface GroupsPlan {
  groups: GroupPlan[];
  lives: MemberHabits[][];
}

const SOME_PERCENT = 60;

export function makeGroups(seed: number, topics: readonly string[], lives: number): GroupsPlan {
  const random = seededRandom(Math.imul(seed, 69621) ^ 0x96f5);
  const count = chance(random, SOME_PERCENT) ? 1 + random.below(2) : 0;
  const groups = Array.from({ length: count }, (_, i) => makeGroup(random, `group-${i}`, topics));
  const plan = { groups, lives: Array.from({ length: lives }, () => groups.flatMap((_, group) => makeMembers(random, group))) };
  addHabits(seededRandom(Math.imul(seed, 16807) ^ 0xab17), plan);
  return plan;
}

/** More habits, drawn by chance of their own. */
function addHabits(random: Random, { groups, lives }: GroupsPlan): void {
  for (const group of groups) {
    group.byPattern = chance(random, 35);
    group.resets = chance(random, 30);
  }
  for (const member of lives.flat()) {
    // Slower than a session, a rebalance or a poll may be, now and then.
    if (chance(random, 10)) member.handlingMs = pick(random, [200, 700]);
    if (chance(random, 10)) member.revokingMs = 1000;
  }
}

function makeGroup(random: Random, groupId: string, names: readonly string[]): GroupPlan {
  const protocol = pick(random, ['consumer', 'consumer', 'classic'] as const);
  const assignor = pick(
    random,
    protocol === 'consumer' ? (['uniform', 'range'] as const) : (['range', 'roundrobin', 'sticky', 'cooperative-sticky'] as const),
  );
  const maxPollIntervalMs = pick(random, [400, 1500, 10_000]);
  return {
    groupId,
    topics: chance(random, 50) ? [...names] : [pick(random, names)],
    byPattern: false,
    resets: false,
    protocol,
    assignor,
    sessionTimeoutMs: pick(random, [200, 600, 3000]),
    rebalanceTimeoutMs: pick(random, [150, 600, maxPollIntervalMs]),
    maxPollIntervalMs,
  };
}

function makeMembers(random: Random, group: number): MemberHabits[] {
  return Array.from({ length: 1 + random.below(4) }, (_, i) => ({
    group,
    style: pick(random, ['poll', 'commit', 'run'] as const),
    autoCommitIntervalMs: pick(random, [20, 100, 1000]),
    instance: chance(random, 25),
    staysMs: i === 0 || chance(random, 30) ? 0 : 50 + random.below(1500),
    awayMs: random.below(1000),
    stalls: chance(random, 20) ? 1 + random.below(4) : 0,
    pauses: chance(random, 30) ? random.below(20) : 0,
    handlingMs: pick(random, [0, 0, 2, 20]),
    revokingMs: pick(random, [0, 0, 10, 100]),
    recordsMax: 1 + random.below(100),
    fails: chance(random, 30) ? random.below(10) : 0,
    concurrency: 1 + random.below(3),
  }));
}
