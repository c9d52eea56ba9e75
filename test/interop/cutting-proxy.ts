/** A way to a broker on which connections are cut, in the middle of a request or of its answer. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Random, seededRandom } from '../../src/world/random.ts';

export class CuttingProxy {
  readonly #random: Random;
  readonly #open = new Set<Socket>();
  #server: Server | null = null;
  /** Where the broker listens; known when it has started. */
  to = 0;
  /** Connections that were cut so far. */
  cuts = 0;
  /** While false, nothing is cut. */
  cutting = false;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Resolves with the port that clients are to be told. */
  async listen(): Promise<number> {
    const server = createServer((client) => this.#through(client));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  #through(client: Socket): void {
    const broker = connect(this.to, '127.0.0.1');
    const ends = [client, broker];
    /** Bytes that may yet pass, in both directions together. */
    let left = 2000 + this.#random.below(12_000);
    const cut = (): void => {
      for (const end of ends) end.destroy();
    };
    for (const [from, into] of [ends, [broker, client]]) {
      this.#open.add(from);
      from.on('data', (piece) => {
        left -= piece.length;
        if (!this.cutting || left > 0) return void into.write(piece);
        this.cuts++;
        // What came last is cut too: half of it is passed on. The other side may have acted on it, or on nothing.
        into.write(piece.subarray(0, piece.length >> 1), cut);
      });
      from.on('error', cut);
      from.on('close', () => {
        this.#open.delete(from);
        cut();
      });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}
