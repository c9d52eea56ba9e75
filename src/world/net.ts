/** TCP and Unix sockets: the one door to node:net. Bytes in, pieces out, and when there is room; what they mean is nobody's business here. */
import { unlinkSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Server as NodeServer, Socket as NodeSocket } from 'node:net';
import { KiB } from '../base/bytes.ts';

export interface Socket {
  /** '/127.0.0.1' as Kafka writes addresses; '/unix' for a Unix socket. */
  readonly remote: string;
  /** Bytes that were given to `write` and have not left yet. */
  readonly waitingBytes: number;
  /** Sends the pieces in one gathered write; they must not change until `left` is called: they have left, or the connection is gone. */
  write(pieces: readonly Uint8Array[], left?: () => void): void;
  pause(): void;
  resume(): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes now; what waits is dropped. */
  destroy(): void;
}

export interface SocketEvents {
  data(bytes: Buffer): void;
  /** Everything that was written has left. */
  drained(): void;
  /** Once, however it ended. */
  closed(): void;
}

/** Of a connection that a server took. */
export interface TakenEvents extends SocketEvents {
  /** Where the next bytes are to be read to; `data` brings a view of it, or bytes of their own. */
  room(): Buffer;
}

export interface ServerAddress {
  /** '' for a Unix socket. */
  host: string;
  port: number;
  /** Of a Unix socket, else null. */
  path: string | null;
}

export interface Server {
  readonly address: ServerAddress;
  /** Takes no more connections; those that are open stay. */
  close(): void;
}

export interface ListenOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  /** A Unix socket instead. */
  path: string | null;
}

/** Where to connect: a port of a host, or a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** One who connects says where bytes are to be read to, so that the system writes them where they stay. */
export interface ClientEvents {
  connected(): void;
  /** Where the next bytes go; not empty. Asked anew after each `filled`. */
  room(): Uint8Array;
  /** So many bytes were written to that room. */
  filled(bytes: number): void;
  /** Once, however it ended: also when no connection came about. `error`: what went wrong, if anything did. */
  closed(error: Error | null): void;
}

export interface ClientSocket {
  readonly waitingBytes: number;
  /** Sends the pieces in one gathered write; they must not change until they were read, or the socket is destroyed. */
  write(pieces: readonly Uint8Array[]): void;
  /** Closes now: nothing is read from the pieces of a write any more. */
  destroy(): void;
  /** Whether it keeps the process alive. */
  ref(keepAlive: boolean): void;
}

/** Connects. It ends with `closed` when that takes longer than `timeoutMs`. */
export function connectTo(address: Address, timeoutMs: number, events: ClientEvents): ClientSocket {
  let failure: Error | null = null;
  const onread = {
    buffer: () => events.room(),
    callback: (bytes: number) => {
      events.filled(bytes);
      return true;
    },
  };
  const socket = connect({ ...address, noDelay: true, keepAlive: true, onread } as NetConnectOpts);
  const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  socket.once('connect', () => {
    clearTimeout(timer);
    events.connected();
  });
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => {
    clearTimeout(timer);
    events.closed(failure);
  });
  return {
    get waitingBytes() {
      return socket.writableLength;
    },
    write: (pieces) => writePieces(socket, pieces),
    destroy: () => void socket.destroy(),
    ref(keepAlive) {
      if (keepAlive) socket.ref();
      else socket.unref();
    },
  };
}

/** `backlog`: connections that wait to be taken. A storm of thousands must find room. */
const BACKLOG = 4096;

/** Where the first bytes of a connection are read to. They are taken in before anybody else reads. */
const FIRST = Buffer.allocUnsafeSlow(4 * KiB);

/** Listens; `ready` is called once, with the server or the reason why there is none. */
export function listen(
  { host, port, path }: ListenOptions,
  connected: (socket: Socket) => TakenEvents,
  ready: (server: Server | null, error: Error | null) => void,
): void {
  if (path !== null) return void ownPath(path, () => listenAt({ host, port, path }, connected, ready));
  listenAt({ host, port, path }, connected, ready);
}

function listenAt(
  { host, port, path }: ListenOptions,
  connected: (socket: Socket) => TakenEvents,
  ready: (server: Server | null, error: Error | null) => void,
): void {
  const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) => take(socket, connected));
  server.once('error', (error) => ready(null, error));
  server.listen({ ...(path === null ? { host, port } : { path }), backlog: BACKLOG }, () => {
    server.removeAllListeners('error');
    // Out of descriptors: the connection is refused, the server goes on.
    server.on('error', () => {});
    ready({ address: addressOf(server, path), close: () => void server.close() }, null);
  });
}

/** A Unix socket outlives the process that made it: one at which nobody listens any more is taken away. */
function ownPath(path: string, then: () => void): void {
  const probe = connect({ path });
  probe.once('connect', () => {
    probe.destroy();
    then();
  });
  probe.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') unlinkSync(path);
    then();
  });
}

function addressOf(server: NodeServer, path: string | null): ServerAddress {
  const address = server.address();
  if (path !== null || address === null || typeof address === 'string') return { host: '', port: 0, path };
  return { host: address.address, port: address.port, path: null };
}

/**
 * Node reads each piece into memory of its own, up to 64 KiB that the garbage collector has to find: under load it took half of a
 * listener's time. A socket that is made with `onread` reads to where it is told, but a server makes its sockets without. So its handle
 * is taken out of the one and put into another; where a Node has it otherwise, the first one is kept as it is.
 */
function take(accepted: NodeSocket, connected: (socket: Socket) => TakenEvents): void {
  const { _handle: handle } = accepted as unknown as { _handle?: { useUserBuffer?: unknown } | null };
  if (typeof handle?.useUserBuffer !== 'function') {
    const events = connected(socketOf(accepted));
    accepted.on('data', (bytes: Buffer) => events.data(bytes));
    listenTo(accepted, events);
    accepted.resume();
    return;
  }
  (accepted as unknown as { _handle: null })._handle = null;
  let events: TakenEvents | null = null;
  const onread = {
    // Asked for the first read before there is anybody to ask, and after each read for the next one.
    buffer: () => events?.room() ?? FIRST,
    callback: (count: number, bytes: Uint8Array) => {
      events?.data(bytes.subarray(0, count) as Buffer);
      return true;
    },
  };
  const options = { handle, onread, pauseOnCreate: true } as unknown as ConstructorParameters<typeof NodeSocket>[0];
  const socket = new NodeSocket(options);
  events = connected(socketOf(socket));
  listenTo(socket, events);
  socket.resume();
}

function socketOf(socket: NodeSocket): Socket {
  return {
    remote: `/${socket.remoteAddress ?? 'unix'}`,
    get waitingBytes() {
      return socket.writableLength;
    },
    write: (pieces, left) => writePieces(socket, pieces, left),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

function listenTo(socket: NodeSocket, events: SocketEvents): void {
  socket.on('drain', () => events.drained());
  // What went wrong with a connection is told by its end.
  socket.on('error', () => {});
  socket.on('close', () => events.closed());
}

function writePieces(socket: NodeSocket, pieces: readonly Uint8Array[], left?: () => void): void {
  const last = pieces.length - 1;
  if (last > 0) socket.cork();
  for (let i = 0; i < last; i++) socket.write(pieces[i]);
  socket.write(pieces[last], left);
  if (last > 0) socket.uncork();
}
