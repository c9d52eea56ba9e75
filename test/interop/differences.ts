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
  'no-internal-topics': {
    kafka: 'Offsets are kept in a topic, __consumer_offsets, which is shown with the others.',
    spillway: 'There is none, and its name is free.',
    why: 'Offsets are kept in the coordinator’s database.',
  },
  'no-loggers': {
    kafka: 'The levels of its loggers are shown as settings, and can be changed.',
    spillway: 'There are none to be shown.',
    why: 'How much is logged is said where the bus is opened.',
  },
  'topics-at-once': {
    kafka:
      'A topic that is not made within timeoutMs is answered with REQUEST_TIMED_OUT, and may come to be; one that is made when it is asked for is unknown until it is there.',
    spillway: 'timeoutMs is not looked at, and what is asked for is there, or refused with what is wrong.',
    why: 'A topic is made in one turn of the coordinator: nothing is waited for.',
  },
  'says-more': {
    kafka: 'Some errors come without words.',
    spillway: 'Every refusal says what is wrong, or what to do.',
    why: 'Words cost nothing, and an error is seen by somebody.',
  },
  'errors-by-name': {
    kafka:
      'What it did not expect (an unknown codec, a subscription that cannot be read, an operation that does not exist) is UNKNOWN_SERVER_ERROR.',
    spillway: 'The code that says what is wrong.',
    why: 'A client can do something about it.',
  },
  'read-as-meant': {
    kafka: 'Sizes below 0, isolation levels and epochs that do not exist are UNKNOWN_SERVER_ERROR, or are reckoned with.',
    spillway: 'A size below 0 is 0, an unknown level is read_uncommitted, of an unknown epoch nothing is known.',
    why: 'No client sends them.',
  },
  'whole-batches-alone': {
    kafka: 'Bytes behind a batch that are too few for another are dropped.',
    spillway: 'The batch is refused with INVALID_RECORD.',
    why: 'What a client sends is stored whole or not at all.',
  },
  'every-batch-counts': {
    kafka: 'Of two batches for one partition in one request one is stored, and one is answered.',
    spillway: 'Both are stored, in order, and both are answered.',
    why: 'Nothing that was sent is lost without a word.',
  },
  'no-time-of-duplicates': {
    kafka: 'A batch that was stored before is answered with its offset and the time of its newest record.',
    spillway: 'With its offset.',
    why: 'Times are not kept with the sequences of producers; clients take their own.',
  },
  'no-followers': {
    kafka: 'A replica is told where its log parts from the leader’s, or that it is none.',
    spillway: 'Fetches are those of consumers, whoever asks.',
    why: 'One process keeps one replica of each partition.',
  },
  'offsets-from-0': {
    kafka: 'A commit of an offset below 0 is kept.',
    spillway: 'INVALID_REQUEST.',
    why: 'There is no such offset: whoever commits it has made a mistake.',
  },
  'targets-at-once': {
    kafka: 'The target assignment of a KIP-848 group whose members left is made when the next one comes.',
    spillway: 'It is made at once.',
    why: 'docs/decisions.md, “Groups: Kafka’s semantics”.',
  },
  'settings-of-its-own': {
    kafka:
      'Settings of the broker are those of Kafka; some defaults of topics come from settings of another name or unit (log.retention.hours, log.roll.hours).',
    spillway: 'A setting of the bus for each of a topic’s, with the same unit, and durability.',
    why: 'One name for one thing; docs/configuration.md lists them.',
  },
} as const satisfies Record<string, DifferenceRow>;

export type Difference = keyof typeof rows;
export const differences: Readonly<Record<Difference, DifferenceRow>> = rows;
