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
  'no-features': {
    kafka: 'Names the features of its cluster and the levels that were agreed on.',
    spillway: 'Names none.',
    why: 'Features are levels on which the brokers of a cluster agree while they are upgraded one by one. Here there is one.',
  },
  'quotas-by-client': {
    kafka: 'Quotas also by user and by address, and of a share of the threads’ time.',
    spillway: 'producer_byte_rate and consumer_byte_rate, by client id; others are refused with what there is.',
    why: 'Nobody logs in, so there are no users; and no threads whose time could be shared out by request.',
  },
  'no-configs-of-brokers': {
    kafka: 'Brokers take some of their settings while they run.',
    spillway: 'Only topics and groups do; the others are refused with what to do. They are shown.',
    why: 'A bus is set up where it is opened, by the program that it is part of.',
  },
  'no-nameless-group': {
    kafka: 'The group without a name keeps offsets, for clients of before 2.2 that have none.',
    spillway: 'It can be asked for and has none; a commit to it is refused with INVALID_GROUP_ID.',
    why: 'All such clients would share one group. Who wants offsets to be kept gives it a name.',
  },
} as const satisfies Record<string, DifferenceRow>;

export type Difference = keyof typeof rows;
export const differences: Readonly<Record<Difference, DifferenceRow>> = rows;
