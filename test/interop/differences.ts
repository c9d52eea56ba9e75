/**
 * Where Spillway answers a foreign client otherwise than Apache Kafka does, and why. A case that meets one asks `broker.differs(…)` and
 * expects what is said here; every other case expects the same of both.
 */

export interface DifferenceRow {
  kafka: string;
  spillway: string;
  why: string;
}

const rows = {
  'no-quorum': {
    kafka: 'DescribeQuorum tells who votes for the controller.',
    spillway: 'Not advertised: clients say that the broker does not support it.',
    why: 'There is no quorum: the coordinator is a thread with a database.',
  },
} as const satisfies Record<string, DifferenceRow>;

export type Difference = keyof typeof rows;
export const differences: Readonly<Record<Difference, DifferenceRow>> = rows;
