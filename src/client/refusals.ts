/** The words in which the public edge refuses, and what to do about each code. */
import { BusError, type ErrorName, errorName, errors } from '../base/errors.ts';

/** What to do about a code, where the one who refused has said no more. */
const advices: Partial<Record<ErrorName, string>> = {
  CLOSED: 'the bus is closed or closing',
  COORDINATOR_LOAD_IN_PROGRESS: 'the coordinator has failed and is being restarted; try again',
  COORDINATOR_NOT_AVAILABLE: 'the coordinator has failed and is being restarted',
  DISK_FULL: 'the disk is full; it is taken again when there is space',
  HOST_DOWN: 'its partition host has died and is being restarted; try again',
  KAFKA_STORAGE_ERROR: 'the disk refused; the bus’s events and log lines tell why, "spillway check" tells what is damaged',
  LEADER_NOT_AVAILABLE: 'the partition is being opened; try again',
  LIMIT_REACHED: 'a limit of the bus is reached; docs/configuration.md lists them',
  MEMORY_FULL: 'the memory of the bus is full; try again later, or open it with a larger memoryBytesMax',
  NOT_LEADER_OR_FOLLOWER: 'its partition host does not carry it; try again',
  OFFSET_OUT_OF_RANGE: 'the log does not reach there; listOffsets tells from where to where it goes',
  REQUEST_TIMED_OUT: 'no answer in time; try again',
  UNKNOWN_TOPIC_OR_PARTITION: 'it does not exist (any more)',
};

/** `MEMORY_FULL: the memory of the bus is full …` */
export function advice(error: number): string {
  const code = errorName(error);
  const words = advices[code] ?? (errors[code].retriable ? 'try again later' : '');
  return words === '' ? code : `${code}: ${words}`;
}

export function unknownTopic(name: string, error: number): BusError {
  const details = { topic: name };
  const code = error === 0 ? 'UNKNOWN_TOPIC_OR_PARTITION' : errorName(error);
  if (code !== 'UNKNOWN_TOPIC_OR_PARTITION')
    return new BusError(code, `topic "${name}" could not be looked up: ${advice(error)}`, { details });
  const what = 'create it with admin.createTopics, or have the bus and the producer make it by autoCreateTopics';
  return new BusError(code, `topic "${name}" does not exist; ${what}`, { details });
}

export function unknownPartition(topic: string, partition: unknown, partitions: number): BusError {
  // More partitions may come, but never one of another kind.
  const code = Number.isInteger(partition) && (partition as number) >= 0 ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_ARGUMENT';
  return new BusError(code, `topic "${topic}" has partitions 0 to ${partitions - 1}, not ${String(partition)}`, {
    details: { topic, partition, partitions },
  });
}

export function deliveryError(error: number, message: string, topic: string, partition: number, records: number): BusError {
  const what = records === 1 ? 'a record' : `${records} records`;
  return new BusError(
    errorName(error),
    `${what} could not be written to ${topic}-${partition}: ${message === '' ? advice(error) : message}`,
    {
      details: { topic, partition, records },
    },
  );
}

export function lookedUpTooLong(topic: string, maxBlockMs: number): BusError {
  return new BusError('REQUEST_TIMED_OUT', `topic "${topic}" could not be looked up within maxBlockMs=${maxBlockMs}; try again`, {
    details: { topic, maxBlockMs },
  });
}

export function blockedTooLong(level: number, bufferedBytes: number, maxBlockMs: number): BusError {
  const [code, why]: [ErrorName, string] =
    level >= 2
      ? ['MEMORY_FULL', 'the bus is under memory pressure; bus.pressure() says why']
      : ['BUFFER_FULL', `bufferMemory is full (${bufferedBytes} bytes wait)`];
  return new BusError(code, `no room for the record within maxBlockMs=${maxBlockMs}: ${why}. Send it again later.`, {
    details: { bufferedBytes, pressureLevel: level, maxBlockMs },
  });
}

export function tooManySends(waiting: number): BusError {
  const what = `${waiting} sends wait for room already: await some of them, or use push and drained()`;
  return new BusError('BUFFER_FULL', what, { details: { waiting } });
}

export function closedError(): BusError {
  return new BusError('CLOSED', 'the producer is closed, or its bus is');
}
