/** A wire that can be cut: what connects to its port is passed on to another, until a test ends every connection. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where it leads. */
  target = 0;
  port = 0;
  /** Connections that were taken. */
  taken = 0;

  private constructor() {
    this.#server = createServer((near) => {
      this.taken++;
      const far = connect({ host: '127.0.0.1', port: this.target });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static async lay(): Promise<Wire> {
    const wire = new Wire();
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    wire.port = (wire.#server.address() as AddressInfo).port;
    return wire;
  }

  /** Ends every connection, wherever its bytes are. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
