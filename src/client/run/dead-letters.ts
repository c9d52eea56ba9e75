/**
 * Puts records aside that could not be handled: key, value and headers byte for byte as they were, and behind those headers the reason. Its
 * own time is that of its arrival, so that retention counts from there; the record's own is in the headers.
 */
import { limits } from '../../base/limits.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import type { Header } from '../../record/batch-write.ts';
import { Producer } from '../producer.ts';
import type { ConsumedRecord } from '../records.ts';
import { serdes } from '../serde.ts';
import { reasonOf } from '../user-code.ts';

/** Names of the headers that tell why. */
export const deadLetterHeaders = {
  topic: 'spillway.dead-letter.topic',
  partition: 'spillway.dead-letter.partition',
  offset: 'spillway.dead-letter.offset',
  timestamp: 'spillway.dead-letter.timestamp',
  error: 'spillway.dead-letter.error',
  attempts: 'spillway.dead-letter.attempts',
  group: 'spillway.dead-letter.group',
} as const;

export interface Reason {
  cause: unknown;
  attempts: number;
  /** '' without a group. */
  groupId: string;
}

export class DeadLetters {
  readonly #dispatcher: Dispatcher;
  readonly #topic: string;
  #producer: Producer<Uint8Array, Uint8Array> | null = null;

  constructor(dispatcher: Dispatcher, topic: string) {
    this.#dispatcher = dispatcher;
    this.#topic = topic;
  }

  /** Resolves when they are acknowledged; rejects as `producer.send` does. */
  async put(records: readonly ConsumedRecord<unknown, unknown, unknown>[], reason: Reason): Promise<void> {
    if (records.length === 0) return;
    this.#producer ??= new Producer<Uint8Array, Uint8Array>(this.#dispatcher, { key: serdes.raw, value: serdes.raw });
    await this.#producer.send(
      this.#topic,
      records.map((record) => ({ key: record.rawKey, value: record.rawValue, headers: headersOf(record, reason) })),
    );
  }

  async close(): Promise<void> {
    await this.#producer?.close();
  }
}

function headersOf(record: ConsumedRecord<unknown, unknown, unknown>, { cause, attempts, groupId }: Reason): Header[] {
  const told: Record<keyof typeof deadLetterHeaders, string> = {
    topic: record.topic,
    partition: String(record.partition),
    offset: String(record.offset),
    timestamp: String(record.timestamp),
    error: wordsOf(cause),
    attempts: String(attempts),
    group: groupId,
  };
  const names = Object.keys(deadLetterHeaders) as (keyof typeof deadLetterHeaders)[];
  return [...record.rawHeaders, ...names.map((name) => ({ key: deadLetterHeaders[name], value: Buffer.from(told[name]) }))];
}

/** 'TypeError: x is not a function', 'INVALID_DATA: …'. */
export function wordsOf(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  const name = typeof code === 'string' ? code : cause instanceof Error ? cause.name : '';
  const words = name === '' ? reasonOf(cause) : `${name}: ${reasonOf(cause)}`;
  // Cut between characters, so that it stays text.
  return words.length <= limits.deadLetterErrorMax ? words : [...words.slice(0, limits.deadLetterErrorMax)].slice(0, -1).join('');
}
