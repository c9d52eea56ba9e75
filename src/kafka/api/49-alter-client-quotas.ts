/** AlterClientQuotas: sets and removes quotas (KIP-546). */
import { errors } from '../../base/errors.ts';
import { type Broker, kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, float64, int16, int32, type RequestOf, type ResponseOf, string, struct } from '../schema.ts';

export const alterClientQuotas = api({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexible: 1,
  request: {
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string(),
            entityName: string({ nullable: true }),
          }),
        ),
        ops: array(
          struct({
            key: string(),
            value: float64(),
            remove: bool(),
          }),
        ),
      }),
    ),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    entries: array(
      struct({
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true }),
        entity: array(
          struct({
            entityType: string(),
            entityName: string({ nullable: true }),
          }),
        ),
      }),
    ),
  },
});

type Request = RequestOf<typeof alterClientQuotas>;
type Entry = Request['entries'][number];
type Row = ResponseOf<typeof alterClientQuotas>['entries'][number];

export function handleAlterClientQuotas(request: Request, { broker }: Call, reply: Reply<typeof alterClientQuotas.response>): void {
  const entries: Row[] = [];
  let left = request.entries.length;
  if (left === 0) return reply({ entries });
  request.entries.forEach((entry, i) => {
    alter(broker, entry, request.validateOnly, (row) => {
      entries[i] = row;
      if (--left === 0) reply({ entries });
    });
  });
}

function alter({ dispatcher }: Broker, { entity, ops }: Entry, validateOnly: boolean, done: (row: Row) => void): void {
  const [first] = entity;
  const refuse = (errorMessage: string): void => done({ errorCode: errors.INVALID_REQUEST.code, errorMessage, entity });
  if (entity.length !== 1 || first.entityType !== 'client-id') return refuse('quotas are set by client-id alone');
  const part = ops.find(({ value, remove }) => !remove && !Number.isInteger(value));
  if (part !== undefined) return refuse(`${part.key} is a whole number of bytes per second, not ${part.value}`);
  if (first.entityName === '') return refuse('a client id is not empty');
  const ask = {
    clientId: first.entityName,
    ops: ops.map(({ key, value, remove }) => ({ key, value: remove ? null : value })),
    validateOnly,
  };
  dispatcher.askCoordinator('alterQuotas', ask, (error, answer) => {
    done({ errorCode: kafkaCode(error), errorMessage: error === 0 ? null : answer?.message || null, entity });
  });
}
