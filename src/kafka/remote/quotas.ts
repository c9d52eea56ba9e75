/** Quotas by client id in Kafka's words (KIP-546). Those of users, and kinds that are not bytes per second, are left to Kafka's own tools. Pure. */
import type { ClientQuota, GroupVerbs } from '../../coordinator/groups/protocol.ts';
import type { describeClientQuotas } from '../api/48-describe-client-quotas.ts';
import type { alterClientQuotas } from '../api/49-alter-client-quotas.ts';
import { type Answer, busCode, type RequestTo, type ResponseFrom } from './words.ts';

const CLIENT_ID = 'client-id';
/** Any name, and the default. */
const ANY = 2;

/** Strict: entries of a user and a client id together are none of ours. */
export function quotasRequest(): RequestTo<typeof describeClientQuotas> {
  return { components: [{ entityType: CLIENT_ID, matchType: ANY, match: null }], strict: true };
}

export function quotasReply(response: ResponseFrom<typeof describeClientQuotas>): Answer<'describeQuotas'> {
  const quotas = (response.entries ?? []).flatMap(({ entity, values }): ClientQuota[] => {
    const rateOf = (name: string): number | null => values.find(({ key }) => key === name)?.value ?? null;
    const quota = {
      clientId: entity[0]?.entityName ?? null,
      producerByteRate: rateOf('producer_byte_rate'),
      consumerByteRate: rateOf('consumer_byte_rate'),
    };
    return quota.producerByteRate === null && quota.consumerByteRate === null ? [] : [quota];
  });
  return { error: busCode(response.errorCode), quotas };
}

export function alterQuotasRequest({ clientId, ops, validateOnly }: GroupVerbs['alterQuotas']['ask']): RequestTo<typeof alterClientQuotas> {
  return {
    entries: [
      {
        entity: [{ entityType: CLIENT_ID, entityName: clientId }],
        ops: ops.map(({ key, value }) => ({ key, value: value ?? 0, remove: value === null })),
      },
    ],
    validateOnly,
  };
}

export function alterQuotasReply(response: ResponseFrom<typeof alterClientQuotas>): Answer<'alterQuotas'> {
  const wrong = response.entries.find(({ errorCode }) => errorCode !== 0);
  return { error: busCode(wrong?.errorCode ?? 0), message: wrong?.errorMessage ?? '' };
}
