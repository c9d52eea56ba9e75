/** The listener: an actor on its own thread that takes connections, sees to their bounds and ages, and closes when it is told. */
import { type ListenOptions, listen, type Server, type ServerAddress, type Socket, type TakenEvents } from '../world/net.ts';
import { Broker, type BrokerSetup } from './broker.ts';
import { type Around, Connection } from './connection.ts';
import { Tally } from './tally.ts';
import { Writer } from './writer.ts';

export interface ListenerSetup extends BrokerSetup, ListenOptions {
  /** What clients are told to connect to; null: the address that it listens on. */
  advertisedHost: string | null;
  advertisedPort: number | null;
  connectionsMax: number;
  /** Of one address (Kafka: max.connections.per.ip). Unix sockets have none. */
  connectionsPerAddressMax: number;
  /** Bytes of one request (Kafka: socket.request.max.bytes). */
  requestBytesMax: number;
  /** Bytes of requests and responses that all connections may hold together (Kafka: queued.max.request.bytes, of requests alone). */
  queuedBytesMax: number;
  /** A connection that does nothing for so long is closed (Kafka: connections.max.idle.ms). */
  idleMs: number;
}

/** What is told of a listener, since its thread began. */
export interface ListenerCounts {
  /** Connections that are open. */
  connections: number;
  /** Connections that were taken, those that were closed at once among them. */
  accepted: number;
  /** Connections that were closed for a reason of ours, by reason. */
  closed: Record<string, number>;
  requests: number;
  receivedBytes: number;
  sentBytes: number;
  /** Bytes of requests and responses that connections hold now. */
  heldBytes: number;
}

const SWEEP_MS = 1000;
/** A client that has not moved for so long is the first to make room for the others. */
const STALLED_MS = 1000;
/** How often is looked whether there is room again. */
const LOOK_MS = 20;
const UNIX = '/unix';

export class Listener {
  readonly #setup: ListenerSetup;
  readonly #broker: Broker;
  readonly #tally: Tally;
  readonly #around: Around;
  readonly #connections = new Set<Connection>();
  /** Open connections by address. */
  readonly #byAddress = new Map<string, number>();
  readonly #closedFor = new Map<string, number>();
  #server: Server | null = null;
  #accepted = 0;
  #makingRoom = false;
  #closing: { done: () => void; endMs: number } | null = null;

  constructor(setup: ListenerSetup) {
    this.#setup = setup;
    this.#broker = new Broker(setup);
    this.#tally = new Tally(setup.queuedBytesMax, () => this.#wantRoom());
    this.#around = {
      broker: this.#broker,
      writer: new Writer(),
      tally: this.#tally,
      requestBytesMax: setup.requestBytesMax,
      closed: (one, reason) => this.#closed(one, reason),
    };
    this.#broker.whenGone = () => {
      this.#server?.close();
      for (const connection of this.#connections) connection.close('');
    };
  }

  get counts(): ListenerCounts {
    const { requests, receivedBytes, sentBytes, heldBytes } = this.#tally;
    const closed = Object.fromEntries(this.#closedFor);
    return { connections: this.#connections.size, accepted: this.#accepted, closed, requests, receivedBytes, sentBytes, heldBytes };
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

  /**
   * Takes no more connections and no more requests, lets those that are under way end within `deadlineMs`, then closes all. Fetches that
   * wait are answered with what there is: a reader that asks on and on would else hold up the end as long as it may last.
   */
  close(deadlineMs: number, done: () => void): void {
    this.#server?.close();
    for (const connection of this.#connections) connection.beginNoMore();
    this.#broker.sessions.waitNoMore();
    this.#closing = { done, endMs: this.#broker.clock.monotonicMs() + deadlineMs };
    this.#closeSome();
  }

  /** A client has connected. */
  connect(socket: Socket): TakenEvents {
    this.#accepted++;
    const { clock } = this.#broker;
    const { connectionsMax, connectionsPerAddressMax } = this.#setup;
    const { remote } = socket;
    const connection = new Connection(socket, this.#around, clock.monotonicMs());
    const ofAddress = (this.#byAddress.get(remote) ?? 0) + 1;
    this.#connections.add(connection);
    this.#byAddress.set(remote, ofAddress);
    if (this.#connections.size > connectionsMax) connection.close('too-many-connections');
    else if (ofAddress > connectionsPerAddressMax && remote !== UNIX) connection.close('too-many-of-one-address');
    return {
      room: () => connection.room(),
      data: (bytes) => connection.received(bytes, clock.monotonicMs()),
      drained: () => connection.drained(clock.monotonicMs()),
      closed: () => connection.ended(),
    };
  }

  #closed(connection: Connection, reason: string): void {
    this.#connections.delete(connection);
    const { remote } = connection;
    const ofAddress = (this.#byAddress.get(remote) ?? 0) - 1;
    if (ofAddress > 0) this.#byAddress.set(remote, ofAddress);
    else this.#byAddress.delete(remote);
    if (reason !== '') this.#closedFor.set(reason, (this.#closedFor.get(reason) ?? 0) + 1);
    if (this.#connections.size === 0) this.#endClose();
  }

  #wantRoom(): void {
    if (this.#makingRoom) return;
    this.#makingRoom = true;
    const { clock } = this.#broker;
    clock.next(() => {
      this.#makeRoom(clock.monotonicMs());
      clock.after(this.#tally.isFull ? LOOK_MS : 0, () => {
        this.#makingRoom = false;
        if (this.#tally.isFull) this.#wantRoom();
      });
    });
  }

  /** Closes connections that wait for their client: first those that have not moved for a while, of these who holds most. */
  #makeRoom(nowMs: number): void {
    const weightOf = (one: Connection): number => one.heldBytes + (nowMs - one.activeMs > STALLED_MS ? Number.MAX_SAFE_INTEGER / 2 : 0);
    while (this.#tally.isFull) {
      let worst: Connection | null = null;
      for (const one of this.#connections) {
        if (one.heldBytes > 0 && one.waitsForClient && (worst === null || weightOf(one) > weightOf(worst))) worst = one;
      }
      // All wait for the bus: what it does makes room.
      if (worst === null) return;
      worst.close('holds-too-much');
    }
  }

  #sweep(): void {
    this.#broker.clock.after(SWEEP_MS, () => {
      if (this.#closing !== null) return;
      const nowMs = this.#broker.clock.monotonicMs();
      for (const connection of this.#connections) {
        if (connection.waitsForClient && nowMs - connection.activeMs > this.#setup.idleMs) connection.close('idle');
        else if (!connection.idle) connection.look();
      }
      this.#sweep();
    });
  }

  /** Looks again and again at all of them, however many end meanwhile. */
  #closeSome(): void {
    const closing = this.#closing;
    if (closing === null) return;
    const { clock } = this.#broker;
    const late = clock.monotonicMs() >= closing.endMs;
    for (const connection of this.#connections) if (late || connection.idle) connection.close('');
    if (this.#connections.size === 0) this.#endClose();
    else clock.after(10, () => this.#closeSome(), true);
  }

  #endClose(): void {
    const closing = this.#closing;
    this.#closing = null;
    closing?.done();
  }
}

/** Everywhere is no place to connect to. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}
