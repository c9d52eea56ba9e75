/**
 * What clients send and fetch, held to their quotas. As in Kafka a client may be ahead of its rate by a window (quota.window.num − 1
 * samples), and who passes that waits until his average is right: (observed − quota) / quota × window. But what was sent is never
 * forgotten while it is being paid for: where Kafka's samples expire meanwhile, and a burst larger than the window gets away with half
 * of it, an account of bytes is kept, which the rate fills and which may be overdrawn.
 */
import { limits } from '../../base/limits.ts';
import type { ClientLoad, ClientThrottle } from '../protocol.ts';
import type { QuotaFact } from './facts.ts';
import { quotaOf } from './quotas.ts';

export interface RateWindow {
  /** Samples that are kept, the running one among them (quota.window.num). */
  samples: number;
  /** How long each of them is (quota.window.size.seconds). */
  sampleMs: number;
}

/** Bytes of one client id in one direction. */
export class Rate {
  readonly #windowMs: number;
  /** What may pass at once; below 0: what is owed. */
  #bytes = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor({ samples, sampleMs }: RateWindow) {
    this.#windowMs = (samples - 1) * sampleMs;
  }

  /** Takes in what passed, and says how long nothing more may. */
  record(bytes: number, quota: number, nowMs: number): number {
    const earned = (quota * Math.min(nowMs - this.#atMs, MS_MAX)) / 1000;
    this.#bytes = Math.min((quota * this.#windowMs) / 1000, this.#bytes + earned) - bytes;
    this.#atMs = nowMs;
    return Math.max(0, (-this.#bytes / quota) * 1000);
  }
}

/** Nothing was heard yet: longer than any window. */
const MS_MAX = 1e12;

export class Rates {
  readonly #window: RateWindow;
  /** By client id, those that were heard longest ago first. */
  readonly #clients = new Map<string, { produce: Rate; fetch: Rate }>();

  constructor(window: RateWindow) {
    this.#window = window;
  }

  /** What one thread tells, and what it is answered: threads that share a client id share its rate. */
  told(loads: readonly ClientLoad[], quotas: ReadonlyMap<string | null, QuotaFact>, nowMs: number): ClientThrottle[] {
    return loads.map(({ clientId, producedBytes, fetchedBytes }) => {
      const { producerByteRate, consumerByteRate } = quotaOf(quotas, clientId);
      if (producerByteRate === null && consumerByteRate === null) {
        this.#clients.delete(clientId);
        return { clientId, producerByteRate, produceDelayMs: 0, consumerByteRate, fetchDelayMs: 0 };
      }
      const { produce, fetch } = this.#client(clientId);
      return {
        clientId,
        producerByteRate,
        produceDelayMs: producerByteRate === null ? 0 : produce.record(producedBytes, producerByteRate, nowMs),
        consumerByteRate,
        fetchDelayMs: consumerByteRate === null ? 0 : fetch.record(fetchedBytes, consumerByteRate, nowMs),
      };
    });
  }

  #client(clientId: string): { produce: Rate; fetch: Rate } {
    const known = this.#clients.get(clientId);
    const client = known ?? { produce: new Rate(this.#window), fetch: new Rate(this.#window) };
    this.#clients.delete(clientId);
    this.#clients.set(clientId, client);
    if (this.#clients.size > limits.quotasMax) {
      const [oldest] = this.#clients.keys();
      this.#clients.delete(oldest);
    }
    return client;
  }
}
