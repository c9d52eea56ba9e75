/** The public surface of the package. */
export { BusError, type ErrorName, errors } from './base/errors.ts';
export { type AttachedBus, attach } from './bus/attach.ts';
export type { ConnectOptions } from './bus/connect-options.ts';
export type { Listening, ListenOptions } from './bus/listeners.ts';
export type { BusOptions } from './bus/options.ts';
export { type CloseReport, ReachedBus } from './bus/reached-bus.ts';
export { connect, type RemoteBus } from './bus/remote.ts';
export { Bus } from './bus.ts';
export type {
  Admin,
  CreatedTopic,
  ListedOffset,
  NewTopicOptions,
  OffsetSpec,
  TopicDescription,
  TopicListing,
  TopicPartitionDescription,
} from './client/admin.ts';
export type {
  CommittedPartition,
  Consumer,
  GroupMetadata,
  OffsetCommit,
  PartitionLag,
  SeekTarget,
  TopicPartition,
} from './client/consumer.ts';
export type { ConsumerOptions, OffsetReset } from './client/consumer-options.ts';
export type { BusEvents } from './client/events.ts';
export type { GroupOptions } from './client/group/options.ts';
export type { Subscribable, TopicPattern } from './client/group/subscription.ts';
export type { GroupLag, GroupListing, GroupOffset, GroupWithLag, OffsetChange } from './client/group-admin.ts';
export type { OffsetsExport, QuotaChange, ResetOptions, ResetTarget } from './client/group-checks.ts';
export type { MirrorEnd } from './client/mirror/ends.ts';
export { mirror } from './client/mirror/mirror.ts';
export type { MirrorOptions, MirrorProgress, Names } from './client/mirror/options.ts';
export type { Producer, Receipt, RecordToSend } from './client/producer.ts';
export type { ProducerOptions } from './client/producer-options.ts';
export { ConsumedBatch, ConsumedRecord } from './client/records.ts';
export { deadLetterHeaders } from './client/run/dead-letters.ts';
export type { BatchContext, HandlerContext, RunOptions } from './client/run/run-options.ts';
export type { RunReport } from './client/run/setup.ts';
export { type Serde, serdes, type TypeOf } from './client/serde.ts';
export type { SqliteDatabase, SqliteStatement, SqliteValue } from './client/sqlite/database.ts';
export type { Outbox } from './client/sqlite/outbox.ts';
export type { OutboxOptions } from './client/sqlite/outbox-options.ts';
export type { TransactionHandler, TransactionOptions } from './client/sqlite/transaction-options.ts';
export type { TransactionReport } from './client/sqlite/transactor.ts';
export {
  defineTopic,
  type Header,
  type HeaderInput,
  type HeadersInput,
  type Topic,
  type TopicHeaders,
  type TopicKey,
  type TopicOptions,
  type TopicValue,
} from './client/topic.ts';
export type {
  ClientQuota,
  GroupDescription,
  GroupEvent,
  GroupState,
  GroupType,
  MemberDescription,
  PartitionExplanation,
  PartitionProgress,
} from './coordinator/groups/protocol.ts';
export type { ConfigEntry, ConfigOp, PressureLevel, PressureReason, PressureReport } from './coordinator/protocol.ts';
export type { BusHandle } from './dispatch/handle.ts';
export type { Partitioner } from './dispatch/route.ts';
export type { ListenerCounts } from './kafka/listener.ts';
export type { PartitionDescription } from './partition/protocol.ts';
export { RecordCursor } from './record/batch-read.ts';
