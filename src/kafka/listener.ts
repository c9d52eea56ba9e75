/** The listener: an actor on its own thread that takes connections, sees to their bounds and ages, and closes when it is told. */
import { type ListenOptions, listen, type Server, type ServerAddress, type Socket, type TakenEvents } from '../world/net.ts';
import { Broker, type BrokerSetup } from './broker.ts';
import { Connection } from './connection.ts';
import { Writer } from './writer.ts';

export interface ListenerSetup extends BrokerSetup, ListenOptions {
  /** What clients are told to connect to; null: the address that it listens on. */
  advertisedHost: string | null;
  advertisedPort: number | null;
  connectionsMax: number;
  /** A connection that does nothing for so long is closed (Kafka: connections.max.idle.ms). */
  idleMs: number;
}

/** What is told of a listener. */
export interface ListenerCounts {
  connections: number;
  accepted: number;
  /** Connections that were closed for a reason of ours, by reason. */
  closed: Record<string, number>;
}

const SWEEP_MS = 1000;

export class Listener {
  readonly #setup: ListenerSetup;
  readonly #broker: Broker;
  readonly #writer = new Writer();
  readonly #connections = new Set<Connection>();
  readonly #closedFor = new Map<string, number>();
  #server: Server | null = null;
  #accepted = 0;
  #closing: { done: () => void; endMs: number } | null = null;

  constructor(setup: ListenerSetup) {
    this.#setup = setup;
    this.#broker = new Broker(setup);
    this.#broker.whenGone = () => {
      this.#server?.close();
      for (const connection of this.#connections) connection.close('');
    };
  }

  get counts(): ListenerCounts {
    return { connections: this.#connections.size, accepted: this.#accepted, closed: Object.fromEntries(this.#closedFor) };
  }

  /** `ready` is called once: with the address, or with why it cannot be had. */
  start(ready: (address: ServerAddress | null, error: Error | null) => void): void {
    listen(
      this.#setup,
      (socket) => this.connect(socket),
      (server, error) => {
        if (server === null) return ready(null, error);
        this.#server = server;
        const { host, port, path } = server.address;
        const { advertisedHost, advertisedPort } = this.#setup;
        this.#broker.advertised = { host: advertisedHost ?? path ?? reachable(host), port: advertisedPort ?? port };
        this.#sweep();
        ready(server.address, null);
      },
    );
  }

  /** Takes no more connections, lets requests that are under way end within `deadlineMs`, then closes all. */
  close(deadlineMs: number, done: () => void): void {
    this.#server?.close();
    this.#closing = { done, endMs: this.#broker.clock.monotonicMs() + deadlineMs };
    this.#closeSome();
  }

  /** A client has connected. */
  connect(socket: Socket): TakenEvents {
    this.#accepted++;
    const { clock } = this.#broker;
    const connection = new Connection(
      socket,
      this.#broker,
      this.#writer,
      { closed: (one, reason) => this.#closed(one, reason) },
      clock.monotonicMs(),
    );
    this.#connections.add(connection);
    if (this.#connections.size > this.#setup.connectionsMax) connection.close('too-many-connections');
    return {
      room: () => connection.room(),
      data: (bytes) => connection.received(bytes, clock.monotonicMs()),
      drained: () => connection.drained(clock.monotonicMs()),
      closed: () => connection.ended(),
    };
  }

  #closed(connection: Connection, reason: string): void {
    this.#connections.delete(connection);
    if (reason !== '') this.#closedFor.set(reason, (this.#closedFor.get(reason) ?? 0) + 1);
    if (this.#closing !== null) this.#closeSome();
  }

  #sweep(): void {
    this.#broker.clock.after(SWEEP_MS, () => {
      if (this.#closing !== null) return;
      const nowMs = this.#broker.clock.monotonicMs();
      for (const connection of this.#connections)
        if (connection.waitsForClient && nowMs - connection.activeMs > this.#setup.idleMs) connection.close('idle');
      this.#sweep();
    });
  }

  #closeSome(): void {
    const closing = this.#closing;
    if (closing === null) return;
    const { clock } = this.#broker;
    const late = clock.monotonicMs() >= closing.endMs;
    for (const connection of this.#connections) if (late || connection.idle) connection.close('');
    if (this.#connections.size > 0) return void clock.after(10, () => this.#closeSome(), true);
    this.#closing = null;
    closing.done();
  }
}

/** Everywhere is no place to connect to. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}
