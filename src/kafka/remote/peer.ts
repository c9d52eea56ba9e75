/** One broker: its connections, one per purpose, and the pauses between attempts to reach it. */
import { limits } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { Address } from '../../world/net.ts';
import type { Random } from '../../world/random.ts';
import type { Api } from '../schema.ts';
import type { Writer } from '../writer.ts';
import { BrokerConnection } from './connection.ts';
import type { FrameMemory } from './frame-memory.ts';

/**
 * A broker carries out one request of a connection at a time: what takes long (batches, a join that waits for others) must not hold up the
 * rest. 'own': alone on a connection until its answer is there.
 */
export type Purpose = 'ask' | 'group' | 'produce' | 'own';

export interface PeerSetup {
  /** −1: not known yet. */
  readonly nodeId: number;
  readonly address: Address;
  readonly clientId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: Writer;
  readonly connectTimeoutMs: number;
  lost(peer: Peer, reason: string): void;
}

export class Peer {
  readonly #setup: PeerSetup;
  readonly #shared = new Map<Purpose, BrokerConnection>();
  readonly #idle: BrokerConnection[] = [];
  readonly #all = new Set<BrokerConnection>();
  /** Attempts that failed since one went well. */
  #failures = 0;
  /** No attempt is made before (monotonic). */
  #notBeforeMs = 0;
  #failure = '';
  #closed = false;

  constructor(setup: PeerSetup) {
    this.#setup = setup;
  }

  get nodeId(): number {
    return this.#setup.nodeId;
  }

  /** 'host:port', or 'unix:/path'. */
  get name(): string {
    return nameOf(this.#setup.address);
  }

  /** Why the last attempt failed; '' when it did not. */
  get failure(): string {
    return this.#failure;
  }

  get isReady(): boolean {
    for (const connection of this.#all) if (connection.ready) return true;
    return false;
  }

  /** It was tried in vain, and is let be for a moment. */
  get isPausing(): boolean {
    return this.#setup.clock.monotonicMs() < this.#notBeforeMs;
  }

  isAt(address: Address): boolean {
    return nameOf(address) === this.name;
  }

  /** −1: the API is not spoken there, or no connection has been greeted yet. */
  versionOf(api: Api): number {
    for (const connection of this.#all) if (connection.ready) return connection.versionOf(api);
    return -1;
  }

  /** The connection for a purpose. One of its own is given back with `give`. */
  take(purpose: Purpose): BrokerConnection {
    if (purpose === 'own') {
      for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) if (!idle.closed) return idle;
      return this.open();
    }
    const known = this.#shared.get(purpose);
    if (known !== undefined && !known.closed) return known;
    const made = this.open();
    this.#shared.set(purpose, made);
    return made;
  }

  give(connection: BrokerConnection): void {
    if (connection.closed) return;
    if (this.#idle.length < limits.connectionsIdleMax) this.#idle.push(connection);
    else connection.close();
  }

  /** A connection that the caller alone uses, and closes. After failures it is begun when the pause is over. */
  open(memory: FrameMemory | null = null): BrokerConnection {
    const { clock, writer, clientId, address, connectTimeoutMs } = this.#setup;
    const connection: BrokerConnection = new BrokerConnection({
      address,
      clientId,
      clock,
      writer,
      connectTimeoutMs,
      memory,
      beginMs: this.#notBeforeMs,
      greeted: () => {
        this.#failures = 0;
        this.#notBeforeMs = 0;
        this.#failure = '';
      },
      closed: (reason) => this.#lost(connection, reason),
    });
    this.#all.add(connection);
    if (this.#closed) connection.close();
    return connection;
  }

  /** Closes what was not used since. */
  sweep(sinceMs: number): void {
    for (const connection of this.#all) if (connection.outstanding === 0 && connection.activeMs < sinceMs) connection.close();
  }

  close(reason: string): void {
    this.#closed = true;
    for (const connection of this.#all) connection.close(reason);
  }

  #lost(connection: BrokerConnection, reason: string): void {
    this.#all.delete(connection);
    if (reason === '' || this.#closed) return;
    const { clock, random } = this.#setup;
    // Connections that ended together are one failure.
    if (!this.isPausing) {
      const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** Math.min(this.#failures, 10));
      this.#failures++;
      this.#notBeforeMs = clock.monotonicMs() + pauseMs * 0.8 + random.below(Math.ceil(pauseMs * 0.4));
    }
    this.#failure = reason;
    this.#setup.lost(this, reason);
  }
}

export function nameOf(address: Address): string {
  return 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`;
}

/** Kafka: reconnect.backoff.ms and reconnect.backoff.max.ms. */
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1000;
