/** Who a producer is to the hosts: an id and an epoch of the coordinator's, asked for until it is given (KIP-98). */
import { isRetriable } from '../base/errors.ts';
import type { Dispatcher } from './dispatcher.ts';
import { NO_PRODUCER } from './lane.ts';

export class Identity {
  producerId = NO_PRODUCER;
  producerEpoch = -1;
  /** Whether batches may be sealed: the id is known, or none is wanted. */
  ready: boolean;
  #closed = false;

  /** `given` is called when the id is there, `refused` when there will be none. */
  constructor(dispatcher: Dispatcher, idempotent: boolean, retryBackoffMs: number, given: () => void, refused: (error: number) => void) {
    this.ready = !idempotent;
    if (!idempotent) return;
    const attempt = (): void => {
      dispatcher.askCoordinator('initProducerId', {}, (error, reply) => {
        if (this.#closed) return;
        if (error === 0 && reply !== null) {
          this.producerId = reply.producerId;
          this.producerEpoch = reply.producerEpoch;
          this.ready = true;
          given();
        } else if (isRetriable(error)) dispatcher.clock.after(retryBackoffMs, attempt, true);
        else refused(error);
      });
    };
    attempt();
  }

  close(): void {
    this.#closed = true;
  }
}
