/**
 * Every bound of the bus, once. Nothing is unbounded: a queue, a table or a size that can grow has its row here, or in the table of
 * the option that sets it, and a test (test/base/limits.test.ts) that goes to the bound and one beyond.
 */
import { GiB, KiB, MiB } from './bytes.ts';

export const limits = {
  /** Partitions of one bus, over all topics. */
  partitionsMax: 20_000,
  /** Partitions of one topic. */
  topicPartitionsMax: 10_000,
  /** Topics of one bus, those that are being deleted among them; also names in one ask, and topics that one producer remembers. */
  topicsMax: 10_000,
  /** Characters of a topic's name (Kafka: 249). */
  topicNameMax: 249,
  /** One record as it is encoded (key, value, headers and their lengths), whatever the topic's max.message.bytes says. */
  recordBytesMax: 256 * MiB,
  /** Headers of one record. */
  recordHeadersMax: 10_000,
  /** Records of one batch. */
  batchRecordsMax: 1_000_000,
  /** Records of one batch that a refusal names; the others of a batch with more of them are told that it was refused. */
  refusedRecordsMax: 1_000,
  /**
   * What one compressed batch of a foreign producer may grow to when it is checked, in a host's turn: this, or the topic's
   * max.message.bytes where that is more (what may come uncompressed may come compressed too).
   */
  producedBytesMax: 64 * MiB,
  /** What one compressed batch may grow to when it is read. */
  decompressedBytesMax: 512 * MiB,
  /** What a bus may be told as its memoryBytesMax, at the least … */
  memoryBytesMin: 16 * MiB,
  /** … and at the most. */
  memoryBytesMax: 64 * GiB,
  /** memoryBytesMax of a bus that is not told. */
  memoryBytesDefault: 256 * MiB,
  /** The same of a broker (`spillway run`): what its topics write lies in the page cache too, so little is kept twice. */
  brokerMemoryBytesDefault: 64 * MiB,
  /** One frame of the arena: resident batches are held in frames of this size. */
  frameBytes: 16 * KiB,
  /** Partition hosts (worker threads) of one bus. */
  hostsMax: 64,
  /** Threads that take part in one bus: its own, and workers of the user's (`bus.handle`). */
  dispatchersMax: 256,
  /** Asks in flight of one thread to one actor; beyond it they are held back. */
  asksInFlightMax: 4096,
  /** `send` calls of one producer that wait for room or for their topic; beyond it they are refused with BUFFER_FULL at once. */
  sendsWaitingMax: 100_000,
  /** `commit` calls of one consumer that wait for an answer; beyond it they are refused with LIMIT_REACHED at once. */
  commitsWaitingMax: 100_000,
  /** Fetch sessions of one partition host, one for each consumer that reads there: the one that is idle for longest makes room. */
  fetchSessionsMax: 10_000,
  /** Reads that wait for records at one partition host, those of consumers and those without a session. */
  parkedReadsMax: 100_000,
  /** Idempotent producers remembered by one partition; the least recently seen is forgotten (producer.id.expiration.ms aside). */
  producersPerPartitionMax: 100_000,
  /** Bytes of one fetch answer; a batch that is larger comes alone. */
  fetchBytesMax: 64 * MiB,
  /** Segments of one log; beyond it the last one grows instead of making room for a next. */
  segmentsMax: 1_000_000,
  /** Open segment files of one host; beyond it those that were not used for longest are closed, unless a sync is still due. */
  openFilesMax: 4096,
  /** Damaged ranges that one log remembers; beyond it, the last of a segment takes in what follows. */
  damagesMax: 10_000,
  /** Damaged ranges of one partition that its description names. */
  damagesToldMax: 1000,
  /** Consumer groups of one bus, those that only hold offsets among them. */
  groupsMax: 20_000,
  /** Members of one group, and ids that it has given to members that have not joined yet; the next is refused with GROUP_MAX_SIZE_REACHED. */
  groupMembersMax: 5000,
  /** Characters of a group's id, a member's id or an instance id. */
  groupNameMax: 1024,
  /** Topics that one member subscribes to by name. */
  groupTopicsMax: 10_000,
  /** Characters of the pattern that one member subscribes by. */
  groupPatternMax: 1024,
  /** Steps that such a pattern may come to when its repetitions are written out. */
  groupPatternStepsMax: 2000,
  /** What a member of the classic protocol says of itself (all its protocols), or is assigned. */
  groupMetadataBytesMax: MiB,
  /** Committed offsets of one bus, over all groups; further partitions are refused with LIMIT_REACHED. */
  committedOffsetsMax: 1_000_000,
  /** Bytes of UTF-8 that may be committed along with an offset (Kafka: offset.metadata.max.bytes). */
  offsetMetadataMax: 4096,
  /** Runs of offsets that a mirror knows of a partition; of more the old ones are made coarser. */
  mirrorRunsMax: 64,
  /** Client ids that have quotas of their own. */
  quotasMax: 10_000,
  /** Client ids of one thread that are held to their quotas; further ones are not. */
  clientsToldMax: 10_000,
  /** Characters of a client id. */
  clientIdMax: 1024,
  /** Groups of which deadlines are looked at in one turn; the rest wait for the next, so that a turn stays short when many are due at once. */
  groupsExpiredAtOnceMax: 1000,
  /** Steps of its life that one group remembers. */
  groupHistoryMax: 200,
  /** Events that are kept while no thread is there to hear them. */
  eventsKeptMax: 1000,
  /** Items of all arrays of one frame of Kafka's protocol together. */
  wireItemsMax: 1_000_000,
  /** Tagged fields (KIP-482) of one frame, in all its structs together. */
  taggedFieldsMax: 10_000,
  /** Bytes of one string in a frame, as Kafka's. */
  wireStringBytesMax: 32_767,
  /** Bytes of one request (Kafka: socket.request.max.bytes). */
  frameBytesMax: 100 * MiB,
  /** Handlers that one `consumer.run` has at work at once … */
  handlersAtOnceMax: 10_000,
  /** … and threads of a module's handlers. */
  handlerThreadsMax: 64,
  /** Records of one partition from the first that is not handled to the last that was begun, with handlers in order of keys. */
  windowRecordsMax: 100_000,
  /** Characters of an error's message in the headers of a dead letter; what is longer is cut. */
  deadLetterErrorMax: 2000,
  /** Open connections of one listener. */
  connectionsMax: 20_000,
  /** Requests of one connection that are begun and not answered, and as many that wait to be begun. */
  connectionRequestsMax: 1000,
  /** Bytes of one connection: requests under way and responses that have not left. Beyond it nothing more is read; one request may be larger. */
  connectionBytesMax: 16 * MiB,
  /** Fetch sessions of Kafka's clients (KIP-227); the one that was not used for longest makes room. */
  wireSessionsMax: 10_000,
  /** Brokers that `connect` may be told: it needs one that answers. */
  bootstrapBrokersMax: 100,
  /** Bytes of one response of a broker; a fetch may hold one batch that is larger than what was asked for. */
  responseBytesMax: 512 * MiB,
  /** Requests of one connection to a broker that wait for an answer, or to be sent; beyond it they are refused with HOST_DOWN at once. */
  requestsInFlightMax: 4096,
  /** Connections to one broker that are kept for requests that wait there (joins of a group), while none does. */
  connectionsIdleMax: 16,
  /** Characters of one config value. */
  configValueMax: 32 * KiB,
  /** Bytes of the file of settings of `spillway run`. */
  configFileBytesMax: MiB,
} as const;
