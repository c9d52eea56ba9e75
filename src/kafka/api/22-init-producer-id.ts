/** InitProducerId: an id and an epoch for an idempotent producer. */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, int16, int32, int64, type RequestOf, string } from '../schema.ts';

export const initProducerId = api({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexible: 2,
  request: {
    transactionalId: string({ nullable: true }),
    transactionTimeoutMs: int32(),
    producerId: int64({ since: 3, default: -1 }),
    producerEpoch: int16({ since: 3, default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
});

/** Of an idempotent producer; transactional ones are refused, since transactions are not spoken. */
export function handleInitProducerId(
  { transactionalId, producerId, producerEpoch }: RequestOf<typeof initProducerId>,
  { broker }: Call,
  reply: Reply<typeof initProducerId.response>,
): void {
  const refuse = (errorCode: number): void => reply({ errorCode, producerId: -1, producerEpoch: -1 });
  if (transactionalId === '' || (producerId === -1) !== (producerEpoch === -1)) return refuse(errors.INVALID_REQUEST.code);
  if (transactionalId !== null) return refuse(errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code);
  broker.dispatcher.askCoordinator('initProducerId', {}, (error, answer) => {
    if (error !== 0 || answer === null) refuse(kafkaCode(error));
    else reply({ producerId: answer.producerId, producerEpoch: answer.producerEpoch });
  });
}
