/** What a handler of an API gets and gives. Handlers know no versions: fields that a request lacks hold their default. */
import type { Broker } from './broker.ts';
import type { Api, Decoded, Encodable, Shape } from './schema.ts';

/** One request, beside its body. */
export interface Call {
  readonly broker: Broker;
  readonly version: number;
  /** '' when the client does not say. */
  readonly clientId: string;
  /** '/127.0.0.1', as Kafka's tools print it. */
  readonly clientHost: string;
  /** Whose request it is: fetches without a session remember here what they follow. */
  readonly connection: CallConnection;
  /** No further request of this connection begins until the function that this gives is called: order, and backpressure. */
  hold(): () => void;
  /** The request's bytes stay where they are until it is answered, and until the function that this gives is called. */
  keep(): () => void;
}

export interface CallConnection {
  readonly closed: boolean;
  /** Closes it for a reason that is counted. */
  close(reason: string): void;
  /** Called once when it has closed. */
  whenClosed(then: () => void): void;
}

/** Null: the request has no response (Produce with acks 0). `left` is told when the bytes of the response are needed no more. */
export type Reply<P extends Shape> = (response: Encodable<P> | null, left?: () => void) => void;

export interface Handler {
  readonly api: Api;
  handle(request: unknown, call: Call, reply: (response: unknown, left?: () => void) => void): void;
}

/** An API that is spoken, with what answers it. `handle` replies once, now or later. */
export function on<Q extends Shape, P extends Shape>(
  api: Api<Q, P>,
  handle: (request: Decoded<Q>, call: Call, reply: Reply<P>) => void,
): Handler {
  return { api, handle: (request, call, reply) => handle(request as Decoded<Q>, call, reply) };
}

/** A row for each API that is spoken. */
export function spokenBy(handlers: readonly Handler[]): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return handlers.map(({ api: { key, versions } }) => ({
    apiKey: key,
    minVersion: key === PRODUCE ? PRODUCE_SAID_FROM : versions[0],
    maxVersion: versions[1],
  }));
}

const PRODUCE = 0;
/**
 * What is said, not what is spoken, as Kafka 4 has it (KAFKA-18659): librdkafka up to 2.8 takes a broker that does not speak the oldest
 * versions of Produce for one that knows no codecs, and refuses to compress.
 */
const PRODUCE_SAID_FROM = 0;
