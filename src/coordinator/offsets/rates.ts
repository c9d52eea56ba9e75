/**
 * What clients send and fetch, measured as Kafka measures it: bytes in the last samples, over the time that these span. A client that
 * passes its quota has to wait until the average is right again: delay = (observed − quota) / quota × time.
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

interface Sample {
  beganMs: number;
  bytes: number;
}

/** Bytes of one client id in one direction. */
export class Rate {
  readonly #window: RateWindow;
  #samples: Sample[] = [];
  /** Nothing is to pass before (monotonic), and under which quota that was decided. */
  #untilMs = 0;
  #quota = 0;

  constructor(window: RateWindow) {
    this.#window = window;
  }

  get isIdle(): boolean {
    return this.#samples.length === 0;
  }

  /** Takes in what passed, and says how long nothing more may. */
  record(bytes: number, quota: number, nowMs: number): number {
    this.#forget(nowMs);
    if (bytes > 0) {
      const last = this.#samples.at(-1);
      if (last !== undefined && nowMs - last.beganMs < this.#window.sampleMs) last.bytes += bytes;
      else this.#samples.push({ beganMs: nowMs, bytes });
    }
    // What was decided stands, until more has passed or the quota is another.
    if (bytes > 0 || quota !== this.#quota) this.#untilMs = nowMs + this.#delay(quota, nowMs);
    this.#quota = quota;
    return Math.max(0, this.#untilMs - nowMs);
  }

  #delay(quota: number, nowMs: number): number {
    const overMs = this.#spanMs(nowMs);
    const observed = (this.#samples.reduce((sum, { bytes }) => sum + bytes, 0) * 1000) / overMs;
    return observed <= quota ? 0 : ((observed - quota) / quota) * overMs;
  }

  /** At the least all samples but the running one: a burst after silence is no rate. */
  #spanMs(nowMs: number): number {
    const { samples, sampleMs } = this.#window;
    const oldest = this.#samples[0]?.beganMs ?? nowMs;
    const full = Math.floor((nowMs - oldest) / sampleMs);
    return Math.max(1, nowMs - oldest + Math.max(0, samples - 1 - full) * sampleMs);
  }

  #forget(nowMs: number): void {
    const { samples, sampleMs } = this.#window;
    while (this.#samples.length > 0 && nowMs - this.#samples[0].beganMs >= samples * sampleMs) this.#samples.shift();
  }
}

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
