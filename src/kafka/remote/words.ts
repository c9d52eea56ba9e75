/** What the translations of the coordinator's verbs into Kafka's requests have in common: their shapes, and codes in both directions. */
import { errorName, errors } from '../../base/errors.ts';
import type { CoordinatorVerb, CoordinatorVerbs } from '../../coordinator/protocol.ts';
import type { Api, Decoded, Encodable, Shape } from '../schema.ts';

/** The reply of a verb, but for its number. A refusal holds the error, words where there are some, and zeros. */
export type Answer<V extends CoordinatorVerb> = { error: number } & CoordinatorVerbs[V]['reply'];

export type RequestTo<A> = A extends Api<infer Q, Shape> ? Encodable<Q> : never;
export type ResponseFrom<A> = A extends Api<Shape, infer P> ? Decoded<P> : never;

/**
 * A code of the wire among our own. Kafka's numbers are ours; one that a newer broker has and we do not is UNKNOWN_SERVER_ERROR. What only
 * Spillway knows has travelled as the nearest of Kafka's, and stays that.
 */
export function busCode(kafkaCode: number): number {
  return errors[errorName(kafkaCode)].code;
}
