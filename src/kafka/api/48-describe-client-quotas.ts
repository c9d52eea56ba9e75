/** DescribeClientQuotas: quotas by client id and user (KIP-546). */
import { errors } from '../../base/errors.ts';
import type { ClientQuota } from '../../coordinator/groups/protocol.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, float64, int8, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const describeClientQuotas = api({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexible: 1,
  request: {
    components: array(
      struct({
        entityType: string(),
        matchType: int8(),
        match: string({ nullable: true }),
      }),
    ),
    strict: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: true }),
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string(),
            entityName: string({ nullable: true }),
          }),
        ),
        values: array(
          struct({
            key: string(),
            value: float64(),
          }),
        ),
      }),
      { nullable: true },
    ),
  },
});

type Request = RequestOf<typeof describeClientQuotas>;
type Component = Request['components'][number];

const CLIENT_ID = 'client-id';
const ENTITY_TYPES = [CLIENT_ID, 'user', 'ip'];
const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

/** Quotas are by client id alone; of users there are none. */
export function handleDescribeClientQuotas(request: Request, { broker }: Call, reply: Reply<typeof describeClientQuotas.response>): void {
  const types = request.components.map(({ entityType }) => entityType);
  const refuse = (errorCode: number, errorMessage: string): void => reply({ errorCode, errorMessage, entries: null });
  if (request.components.some(isWrong) || new Set(types).size < types.length)
    return refuse(errors.INVALID_REQUEST.code, 'a filter names each kind of entity once, by 0 with a name, by 1 or 2 without');
  if (types.some((type) => !ENTITY_TYPES.includes(type))) return refuse(errors.UNSUPPORTED_VERSION.code, 'there is no such kind of entity');
  const byClient = request.components.find(({ entityType }) => entityType === CLIENT_ID);
  // A filter by user or address matches nothing here.
  const none = types.some((type) => type !== CLIENT_ID) || (request.strict && byClient === undefined);
  broker.dispatcher.askCoordinator('describeQuotas', {}, (error, answer) => {
    if (error !== 0 || answer === null) return reply({ errorCode: kafkaCode(error), errorMessage: null, entries: null });
    const found = none ? [] : answer.quotas.filter((quota) => byClient === undefined || matches(byClient, quota));
    reply({ errorMessage: '', entries: found.map(entryOf) });
  });
}

function isWrong({ entityType, matchType, match }: Component): boolean {
  return entityType === '' || matchType < EXACT || matchType > ANY || (matchType === EXACT) !== (match !== null);
}

function matches({ matchType, match }: Component, { clientId }: ClientQuota): boolean {
  if (matchType === ANY) return true;
  return matchType === DEFAULT ? clientId === null : clientId === match;
}

function entryOf({ clientId, producerByteRate, consumerByteRate }: ClientQuota) {
  const values = [
    { key: 'producer_byte_rate', value: producerByteRate },
    { key: 'consumer_byte_rate', value: consumerByteRate },
  ].flatMap(({ key, value }) => (value === null ? [] : [{ key, value }]));
  return { entity: [{ entityType: CLIENT_ID, entityName: clientId }], values };
}
