/** The errors that reading bytes of unknown origin can end in. Made here, thrown where the fault is seen. */
import { BusError } from '../base/errors.ts';

/** The bytes are not what their format promises. */
export function corrupt(what: string, details?: Record<string, unknown>): BusError {
  return new BusError('CORRUPT_MESSAGE', `These bytes are not a valid record batch: ${what}.`, details && { details });
}

/** Message sets of magic 0 and 1, which Kafka itself stopped writing in 0.11 and dropped in 4.0. */
export function oldFormat(magic: number): BusError {
  return new BusError(
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    `This batch has the message format v${magic}, from before Kafka 0.11; have its producer write format v2.`,
    { details: { magic } },
  );
}

/** A batch that is sound as far as one can tell, but grows beyond the bound when it is decompressed. */
export function tooLarge(bytesMax: number): BusError {
  return new BusError('MESSAGE_TOO_LARGE', `A compressed batch grows beyond ${bytesMax} bytes; produce smaller batches.`, {
    details: { bytesMax },
  });
}
