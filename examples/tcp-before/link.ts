/**
 * A message protocol as programs grow them: two bytes of length, then the message; a queue of a hundred messages for who is away; everything to
 * everybody who is connected. It is here to be replaced: docs/migrating.md says what each of its weaknesses becomes.
 */
import { connect, createServer, type Socket } from 'node:net';

const QUEUE_MAX = 100;
/** A peer that reads slowly may have so many bytes waiting. */
const WAITING_BYTES_MAX = 64 * 1024;

export class Publisher {
  dropped = 0;
  readonly #peers = new Set<Socket>();
  readonly #queue: Buffer[] = [];
  readonly #server = createServer((socket) => {
    this.#peers.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#peers.delete(socket));
    for (const frame of this.#queue.splice(0)) socket.write(frame);
  });

  listen(port: number): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(port, '127.0.0.1', () => resolve((this.#server.address() as { port: number }).port));
    });
  }

  get peers(): number {
    return this.#peers.size;
  }

  publish(message: string): void {
    const bytes = Buffer.from(message);
    const frame = Buffer.alloc(2 + bytes.length);
    // Of a message of 70,000 bytes this writes 4,464: whoever reads is out of step from there on, and cannot know.
    frame.writeUInt16LE(bytes.length & 0xffff);
    bytes.copy(frame, 2);
    if (this.#peers.size === 0) {
      this.#queue.push(frame);
      if (this.#queue.length > QUEUE_MAX) {
        this.#queue.shift();
        this.dropped++;
      }
      return;
    }
    for (const peer of this.#peers) {
      if (peer.writableLength > WAITING_BYTES_MAX) this.dropped++;
      else peer.write(frame);
    }
  }

  close(): void {
    for (const peer of this.#peers) peer.end();
    this.#server.close();
  }
}

/** Calls `take` with each message, until the other side ends the connection. */
export function receive(port: number, take: (message: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const attempt = (): void => {
      const socket = connect(port, '127.0.0.1');
      let rest: Buffer = Buffer.alloc(0);
      let isConnected = false;
      socket.on('connect', () => {
        isConnected = true;
      });
      socket.on('data', (piece) => {
        rest = Buffer.concat([rest, piece]);
        while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16LE()) {
          const end = 2 + rest.readUInt16LE();
          take(rest.subarray(2, end).toString());
          rest = rest.subarray(end);
        }
      });
      socket.on('error', () => {});
      // Half a message that was there is gone.
      socket.on('close', () => (isConnected ? resolve() : setTimeout(attempt, 50)));
    };
    attempt();
  });
}
