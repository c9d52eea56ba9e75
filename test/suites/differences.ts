/**
 * What is otherwise where a bus is reached by `connect`, and why: over TCP at all, or where brokers of Apache Kafka are at the other end. A
 * case that meets a difference asks `bench.differs(…)` and expects what is said here; each one is met by a case, or is a case left out.
 */

export type Distance = 'bus' | 'tcp' | 'kafka';

interface Row {
  /** Where it is met. */
  at: readonly Distance[];
  bus: string;
  there: string;
  why: string;
  /** The case that is left out there. */
  skips?: string;
}

const remote = ['tcp', 'kafka'] as const;
const kafka = ['kafka'] as const;

const rows = {
  'no-inside': {
    at: remote,
    bus: '`describeTopics` and `describeLogDirs` tell what of a partition is in memory, and its segments.',
    there: 'Both are 0; sizes and offsets are told.',
    why: 'Kafka’s protocol has no words for it.',
  },
  'no-pressure': {
    at: remote,
    bus: '`pressure()` tells the level and each gauge.',
    there: 'It is always calm, and the gauges are 0.',
    why: 'A broker does not tell how full it is. It delays its answers and tells connections to be quiet, and they are.',
  },
  'no-explanation': {
    at: remote,
    bus: '`explainGroup` and `groupHistory` say why a partition stands where it stands, and what has happened.',
    there: 'Refused with `UNSUPPORTED_VERSION`; `describeGroup` tells who has what, and how far behind.',
    why: 'Members of other clients do not say what they do, and brokers do not pass on what ours say.',
  },
  'no-generation': {
    at: remote,
    bus: 'The description of a classic group has its generation.',
    there: '−1.',
    why: 'DescribeGroups does not tell it.',
  },
  'durability-of-kafka': {
    at: kafka,
    bus: '`durability` is a setting of each topic.',
    there:
      '“memory” and “written” are what every topic has (“written” is what Kafka means by committed); “synced” is made by `flush.messages=1`, and told of topics that have it.',
    why: 'Kafka does not know the setting. A promise is kept or made more; it is never less than what was asked for.',
  },
  'late-patterns': {
    at: kafka,
    bus: 'A topic that matches a member’s pattern is assigned when it is made.',
    there: 'Ten seconds later, or more.',
    why: 'Brokers look for topics of patterns that often at most (KIP-848).',
    skips: 'a pattern takes in topics that come later',
  },
} as const satisfies Record<string, Row>;

export type Difference = keyof typeof rows;
export const differences: Readonly<Record<Difference, Row>> = rows;

/** Those that hold at a distance and are met by cases that run there. */
export function metAt(distance: Distance): Difference[] {
  return keys().filter((key) => differences[key].at.includes(distance) && differences[key].skips === undefined);
}

/** Cases that are left out at a distance, with the reason. */
export function skippedAt(distance: Distance): Readonly<Record<string, string>> {
  return Object.fromEntries(
    keys().flatMap((key) => {
      const { at, skips, there } = differences[key];
      return skips !== undefined && at.includes(distance) ? [[skips, there]] : [];
    }),
  );
}

function keys(): Difference[] {
  return Object.keys(rows) as Difference[];
}
