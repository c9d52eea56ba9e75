/**
 * Batches on their way to one broker: those that wait are gathered into one Produce request, at most one of each partition in it, and
 * several requests are under way. A batch that was refused takes those of its partition that wait behind it along: none may get there
 * before it is sent again.
 */
import { MiB } from '../../base/bytes.ts';
import { errorName, errors } from '../../base/errors.ts';
import type { Durability } from '../../log/config.ts';
import type { Acks, HostAskOf } from '../../partition/protocol.ts';
import { produce } from '../api/00-produce.ts';
import type { Encodable, IncomingResponseOf } from '../schema.ts';
import type { Place } from './cluster.ts';
import { type Answer, type HostSetup, isMisplaced } from './host.ts';

type Ask = HostAskOf<'append'>;
type TopicData = Encodable<typeof produce.request>['topicData'][number];
type Row = IncomingResponseOf<typeof produce>['responses'][number]['partitionResponses'][number];

interface Append {
  readonly ask: Ask;
  readonly place: Place;
}

export class Appends {
  readonly #setup: HostSetup;
  readonly #answer: Answer;
  /** In the order in which they came. */
  #waiting: Append[] = [];
  #inFlight = 0;

  constructor(setup: HostSetup, answer: Answer) {
    this.#setup = setup;
    this.#answer = answer;
  }

  add(ask: Ask): void {
    const place = this.#setup.cluster.place(ask.slot);
    if (place === undefined) return this.#refuse(ask, errors.UNKNOWN_TOPIC_OR_PARTITION.code, '');
    this.#waiting.push({ ask, place });
  }

  /** Sends what waits, as far as requests may be under way. */
  send(): void {
    while (this.#waiting.length > 0 && this.#inFlight < IN_FLIGHT_MAX) this.#post(this.#gather());
  }

  /** The next request's batches: as they came, of one kind of acks, one of each partition, up to the bound or one that is larger. */
  #gather(): Append[] {
    const [{ ask: first }] = this.#waiting;
    const gathered: Append[] = [];
    const left: Append[] = [];
    const passed = new Set<number>();
    let bytes = 0;
    for (const append of this.#waiting) {
      const { slot, acks, length } = append.ask;
      const fits = bytes === 0 || bytes + length <= REQUEST_BYTES_MAX;
      if (acks === first.acks && fits && !passed.has(slot)) {
        gathered.push(append);
        bytes += length;
      } else left.push(append);
      passed.add(slot);
    }
    this.#waiting = left;
    return gathered;
  }

  #post(appends: readonly Append[]): void {
    const { requests, node, requestTimeoutMs } = this.#setup;
    const connection = requests.produceConnection(node);
    if (connection === null) return this.#lost(appends, errors.HOST_DOWN.code);
    const { acks } = appends[0].ask;
    const request = { transactionalId: null, acks, timeoutMs: requestTimeoutMs, topicData: this.#topicData(appends) };
    this.#inFlight++;
    const options = { timeoutMs: requestTimeoutMs + GRACE_MS, answered: acks !== 0 };
    connection.send(produce, request, options, (error, response) => {
      this.#inFlight--;
      if (error !== 0) this.#lost(appends, error);
      else if (response === null) for (const append of appends) this.#accept(append, -1, -1, -1);
      else this.#answered(appends, response);
      this.send();
    });
  }

  #topicData(appends: readonly Append[]): TopicData[] {
    const { outbox } = this.#setup;
    const topics = new Map<string, TopicData & { partitionData: { index: number; records: Uint8Array }[] }>();
    for (const { ask, place } of appends) {
      const { topic: name, topicId, partition: index } = place;
      const key = `${name}/${topicId}`;
      const row = topics.get(key) ?? { name, topicId, partitionData: [] };
      if (row.partitionData.length === 0) topics.set(key, row);
      const records = ask.batch ?? outbox.subarray(ask.position, ask.position + ask.length);
      row.partitionData.push({ index, records });
    }
    return [...topics.values()];
  }

  #answered(appends: readonly Append[], { responses }: IncomingResponseOf<typeof produce>): void {
    const { cluster } = this.#setup;
    const rows = new Map<number, Row>();
    for (const { name, topicId, partitionResponses } of responses)
      for (const row of partitionResponses) rows.set(cluster.slotOf(name, topicId, row.index), row);
    let isDoubtful = false;
    for (const append of appends) {
      const { ask } = append;
      const row = rows.get(ask.slot);
      const error = row === undefined ? errors.UNKNOWN_TOPIC_OR_PARTITION.code : errors[errorName(row.errorCode)].code;
      if (row !== undefined && error === 0) this.#accept(append, row.baseOffset, row.logAppendTimeMs, row.logStartOffset);
      // It is there, and so long ago that the broker has forgotten where.
      else if (error === errors.DUPLICATE_SEQUENCE_NUMBER.code) this.#accept(append, -1, -1, -1);
      else {
        isDoubtful ||= isMisplaced(error);
        this.#refuseFrom(ask, error, row?.errorMessage ?? '', row?.recordErrors ?? []);
      }
    }
    if (isDoubtful) cluster.doubt();
  }

  /** The whole request failed, and with the connection all behind it: what waits must not get there before what is to be sent again. */
  #lost(appends: readonly Append[], code: number): void {
    const waiting = code === errors.UNSUPPORTED_VERSION.code ? [] : this.#waiting;
    if (waiting.length > 0) this.#waiting = [];
    const error = code === errors.HOST_DOWN.code ? errors.NETWORK_EXCEPTION.code : code;
    for (const { ask } of [...appends, ...waiting]) this.#refuse(ask, error, this.#wordsFor(code));
    this.#setup.cluster.doubt();
  }

  #refuseFrom(refused: Ask, error: number, message: string, records: Row['recordErrors']): void {
    // A host of ours has no such code: the sequences that it knew are gone, and the lane goes on as a new producer.
    const told = error === errors.UNKNOWN_PRODUCER_ID.code ? errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code : error;
    this.#refuse(refused, told, message, records);
    const behind = this.#waiting.filter(({ ask }) => ask.slot === refused.slot);
    if (behind.length === 0) return;
    this.#waiting = this.#waiting.filter(({ ask }) => ask.slot !== refused.slot);
    for (const { ask } of behind) this.#refuse(ask, errors.NETWORK_EXCEPTION.code, 'the batch before it was refused');
  }

  #accept({ ask, place }: Append, baseOffset: number, logAppendTimeMs: number, startOffset: number): void {
    const reply = {
      baseOffset,
      logAppendTimeMs,
      startOffset,
      durability: promiseOf(ask.acks, this.#setup.durabilityOf(place.topic)),
      message: '',
    };
    this.#answer<'append'>(ask, 0, reply);
  }

  #refuse(ask: Ask, error: number, message: string, records: Row['recordErrors'] = []): void {
    const refused = records.map((one) => ({ batchIndex: one.batchIndex, message: one.batchIndexErrorMessage ?? message }));
    this.#answer<'append'>(ask, error, { ...NOTHING, message, ...(refused.length === 0 ? {} : { refused }) });
  }

  #wordsFor(error: number): string {
    switch (error) {
      case errors.UNSUPPORTED_VERSION.code:
        return 'the broker does not speak Produce in a version that is spoken here';
      case errors.REQUEST_TIMED_OUT.code:
        return `the broker did not answer within ${this.#setup.requestTimeoutMs} ms`;
      default:
        return this.#setup.requests.wordsOf(this.#setup.node);
    }
  }
}

/** What a broker promises by its answer: what the topic does, if it was asked to wait for that. */
function promiseOf(acks: Acks, ofTopic: Durability): Durability {
  return acks === -1 ? ofTopic : 'memory';
}

const NOTHING = { baseOffset: -1, logAppendTimeMs: -1, startOffset: -1, durability: 'memory' as const };
/** A broker knows the last five batches of a producer (KIP-679): no more are under way. */
const IN_FLIGHT_MAX = 5;
const REQUEST_BYTES_MAX = 1 * MiB;
/** A broker that gives up in time says so itself. */
const GRACE_MS = 5000;
