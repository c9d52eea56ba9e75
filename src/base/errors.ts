/**
 * One row per error: Kafka's own codes (org.apache.kafka.common.protocol.Errors), and below them the few that only Spillway has,
 * numbered from 1000 and shown on the wire as the Kafka code in their row. Inside the house an error is a number in a reply; at
 * the public edge it is the one `BusError`.
 */

interface ErrorRow {
  /** The number used in replies between actors. */
  readonly code: number;
  /** The code that a Kafka client is told. */
  readonly kafkaCode: number;
  /** Whether the same call may succeed later, unchanged. */
  readonly retriable: boolean;
}

const row = (code: number, retriable = false, kafkaCode = code): ErrorRow => ({ code, kafkaCode, retriable });
const RETRIABLE = true;

export const errors = {
  UNKNOWN_SERVER_ERROR: row(-1),
  NONE: row(0),
  OFFSET_OUT_OF_RANGE: row(1),
  CORRUPT_MESSAGE: row(2, RETRIABLE),
  UNKNOWN_TOPIC_OR_PARTITION: row(3, RETRIABLE),
  INVALID_FETCH_SIZE: row(4),
  LEADER_NOT_AVAILABLE: row(5, RETRIABLE),
  NOT_LEADER_OR_FOLLOWER: row(6, RETRIABLE),
  REQUEST_TIMED_OUT: row(7, RETRIABLE),
  BROKER_NOT_AVAILABLE: row(8),
  REPLICA_NOT_AVAILABLE: row(9, RETRIABLE),
  MESSAGE_TOO_LARGE: row(10),
  STALE_CONTROLLER_EPOCH: row(11),
  OFFSET_METADATA_TOO_LARGE: row(12),
  NETWORK_EXCEPTION: row(13, RETRIABLE),
  COORDINATOR_LOAD_IN_PROGRESS: row(14, RETRIABLE),
  COORDINATOR_NOT_AVAILABLE: row(15, RETRIABLE),
  NOT_COORDINATOR: row(16, RETRIABLE),
  INVALID_TOPIC_EXCEPTION: row(17),
  RECORD_LIST_TOO_LARGE: row(18),
  NOT_ENOUGH_REPLICAS: row(19, RETRIABLE),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: row(20, RETRIABLE),
  INVALID_REQUIRED_ACKS: row(21),
  ILLEGAL_GENERATION: row(22),
  INCONSISTENT_GROUP_PROTOCOL: row(23),
  INVALID_GROUP_ID: row(24),
  UNKNOWN_MEMBER_ID: row(25),
  INVALID_SESSION_TIMEOUT: row(26),
  REBALANCE_IN_PROGRESS: row(27),
  INVALID_COMMIT_OFFSET_SIZE: row(28),
  TOPIC_AUTHORIZATION_FAILED: row(29),
  GROUP_AUTHORIZATION_FAILED: row(30),
  CLUSTER_AUTHORIZATION_FAILED: row(31),
  INVALID_TIMESTAMP: row(32),
  UNSUPPORTED_SASL_MECHANISM: row(33),
  ILLEGAL_SASL_STATE: row(34),
  UNSUPPORTED_VERSION: row(35),
  TOPIC_ALREADY_EXISTS: row(36),
  INVALID_PARTITIONS: row(37),
  INVALID_REPLICATION_FACTOR: row(38),
  INVALID_REPLICA_ASSIGNMENT: row(39),
  INVALID_CONFIG: row(40),
  NOT_CONTROLLER: row(41, RETRIABLE),
  INVALID_REQUEST: row(42),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: row(43),
  POLICY_VIOLATION: row(44),
  OUT_OF_ORDER_SEQUENCE_NUMBER: row(45),
  DUPLICATE_SEQUENCE_NUMBER: row(46),
  INVALID_PRODUCER_EPOCH: row(47),
  INVALID_TXN_STATE: row(48),
  INVALID_PRODUCER_ID_MAPPING: row(49),
  INVALID_TRANSACTION_TIMEOUT: row(50),
  CONCURRENT_TRANSACTIONS: row(51, RETRIABLE),
  TRANSACTION_COORDINATOR_FENCED: row(52),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: row(53),
  SECURITY_DISABLED: row(54),
  OPERATION_NOT_ATTEMPTED: row(55),
  KAFKA_STORAGE_ERROR: row(56, RETRIABLE),
  LOG_DIR_NOT_FOUND: row(57),
  SASL_AUTHENTICATION_FAILED: row(58),
  UNKNOWN_PRODUCER_ID: row(59),
  REASSIGNMENT_IN_PROGRESS: row(60),
  DELEGATION_TOKEN_AUTH_DISABLED: row(61),
  DELEGATION_TOKEN_NOT_FOUND: row(62),
  DELEGATION_TOKEN_OWNER_MISMATCH: row(63),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: row(64),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: row(65),
  DELEGATION_TOKEN_EXPIRED: row(66),
  INVALID_PRINCIPAL_TYPE: row(67),
  NON_EMPTY_GROUP: row(68),
  GROUP_ID_NOT_FOUND: row(69),
  FETCH_SESSION_ID_NOT_FOUND: row(70, RETRIABLE),
  INVALID_FETCH_SESSION_EPOCH: row(71, RETRIABLE),
  LISTENER_NOT_FOUND: row(72, RETRIABLE),
  TOPIC_DELETION_DISABLED: row(73),
  FENCED_LEADER_EPOCH: row(74, RETRIABLE),
  UNKNOWN_LEADER_EPOCH: row(75, RETRIABLE),
  UNSUPPORTED_COMPRESSION_TYPE: row(76),
  STALE_BROKER_EPOCH: row(77),
  OFFSET_NOT_AVAILABLE: row(78, RETRIABLE),
  MEMBER_ID_REQUIRED: row(79),
  PREFERRED_LEADER_NOT_AVAILABLE: row(80, RETRIABLE),
  GROUP_MAX_SIZE_REACHED: row(81),
  FENCED_INSTANCE_ID: row(82),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: row(83, RETRIABLE),
  ELECTION_NOT_NEEDED: row(84, RETRIABLE),
  NO_REASSIGNMENT_IN_PROGRESS: row(85),
  GROUP_SUBSCRIBED_TO_TOPIC: row(86),
  INVALID_RECORD: row(87),
  UNSTABLE_OFFSET_COMMIT: row(88, RETRIABLE),
  THROTTLING_QUOTA_EXCEEDED: row(89, RETRIABLE),
  PRODUCER_FENCED: row(90),
  RESOURCE_NOT_FOUND: row(91),
  DUPLICATE_RESOURCE: row(92),
  UNACCEPTABLE_CREDENTIAL: row(93),
  INCONSISTENT_VOTER_SET: row(94),
  INVALID_UPDATE_VERSION: row(95),
  FEATURE_UPDATE_FAILED: row(96),
  PRINCIPAL_DESERIALIZATION_FAILURE: row(97),
  SNAPSHOT_NOT_FOUND: row(98),
  POSITION_OUT_OF_RANGE: row(99),
  UNKNOWN_TOPIC_ID: row(100, RETRIABLE),
  DUPLICATE_BROKER_REGISTRATION: row(101),
  BROKER_ID_NOT_REGISTERED: row(102),
  INCONSISTENT_TOPIC_ID: row(103, RETRIABLE),
  INCONSISTENT_CLUSTER_ID: row(104),
  TRANSACTIONAL_ID_NOT_FOUND: row(105),
  FETCH_SESSION_TOPIC_ID_ERROR: row(106, RETRIABLE),
  INELIGIBLE_REPLICA: row(107),
  NEW_LEADER_ELECTED: row(108),
  OFFSET_MOVED_TO_TIERED_STORAGE: row(109),
  FENCED_MEMBER_EPOCH: row(110),
  UNRELEASED_INSTANCE_ID: row(111),
  UNSUPPORTED_ASSIGNOR: row(112),
  STALE_MEMBER_EPOCH: row(113),
  MISMATCHED_ENDPOINT_TYPE: row(114),
  UNSUPPORTED_ENDPOINT_TYPE: row(115),
  UNKNOWN_CONTROLLER_ID: row(116),
  UNKNOWN_SUBSCRIPTION_ID: row(117),
  TELEMETRY_TOO_LARGE: row(118),
  INVALID_REGISTRATION: row(119),
  TRANSACTION_ABORTABLE: row(120),
  INVALID_RECORD_STATE: row(121),
  SHARE_SESSION_NOT_FOUND: row(122, RETRIABLE),
  INVALID_SHARE_SESSION_EPOCH: row(123, RETRIABLE),
  FENCED_STATE_EPOCH: row(124),
  INVALID_VOTER_KEY: row(125),
  DUPLICATE_VOTER: row(126),
  VOTER_NOT_FOUND: row(127),
  INVALID_REGULAR_EXPRESSION: row(128),
  REBOOTSTRAP_REQUIRED: row(129),
  STREAMS_INVALID_TOPOLOGY: row(130),
  STREAMS_INVALID_TOPOLOGY_EPOCH: row(131),
  STREAMS_TOPOLOGY_FENCED: row(132),
  SHARE_SESSION_LIMIT_REACHED: row(133, RETRIABLE),

  /** The resident-byte budget is spent and nothing may be dropped or spilled. */
  MEMORY_FULL: row(1000, RETRIABLE, 89),
  /** The file system has no space left; appends are refused until it has. */
  DISK_FULL: row(1001, RETRIABLE, 56),
  /** The bus, producer or consumer was closed. */
  CLOSED: row(1002, false, 42),
  /** The host of the partition died and is being restarted. */
  HOST_DOWN: row(1003, RETRIABLE, 6),
  /** A bad argument or option at the public edge. */
  INVALID_ARGUMENT: row(1004, false, 42),
  /** The producer's buffer stayed full for `maxBlockMs`. */
  BUFFER_FULL: row(1005, RETRIABLE, 7),
  /** A serde or a schema refused a key, a value or headers. */
  INVALID_DATA: row(1006, false, 87),
  /** Another process owns the data folder. */
  FOLDER_LOCKED: row(1007, false, 42),
  /** The data folder is not one, or was written by a newer version. */
  FOLDER_INVALID: row(1008, false, 42),
  /** A limit of limits.ts was reached. */
  LIMIT_REACHED: row(1009, false, 44),
  /** The user's code (a callback, a serde, a partitioner) threw. */
  USER_CODE_FAILED: row(1010, false, -1),
  /** The call was aborted by its AbortSignal. */
  ABORTED: row(1011, false, 7),
} as const satisfies Record<string, ErrorRow>;

export type ErrorName = keyof typeof errors;

const nameOfCode = new Map<number, ErrorName>(Object.entries(errors).map(([name, { code }]) => [code, name as ErrorName]));

/** The name of a code found in a reply; an unlisted one is UNKNOWN_SERVER_ERROR. */
export function errorName(code: number): ErrorName {
  return nameOfCode.get(code) ?? 'UNKNOWN_SERVER_ERROR';
}

/** Whether a reply with this code may be retried unchanged. */
export function isRetriable(code: number): boolean {
  return errors[errorName(code)].retriable;
}

/** Whether what was refused with this code may be otherwise soon. A topic that is not there may be made too, but not because somebody waits for it. */
export function isPassing(code: number): boolean {
  return isRetriable(code) && code !== errors.UNKNOWN_TOPIC_OR_PARTITION.code && code !== errors.UNKNOWN_TOPIC_ID.code;
}

/** The one error of the public surface. Its message says what happened and what to do about it. */
export class BusError extends Error {
  override name = 'BusError';
  /** Its row in the table, by name: `'UNKNOWN_TOPIC_OR_PARTITION'`, `'MEMORY_FULL'` … */
  readonly code: ErrorName;
  /** The code that a Kafka client would be told. */
  readonly kafkaCode: number;
  /** Whether the same call may succeed later, unchanged. */
  readonly retriable: boolean;
  /** Facts to act on: topic, partition, offsets, limits. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorName, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kafkaCode = errors[code].kafkaCode;
    this.retriable = errors[code].retriable;
    this.details = options.details ?? {};
  }
}
