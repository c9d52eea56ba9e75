/** A broker that says what a test wants: it reads requests by the tables, and answers, is silent, or sends what is no response. */
import { createServer, type Server, type Socket } from 'node:net';
import { apiVersions } from '../../../src/kafka/api/18-api-versions.ts';
import { apis } from '../../../src/kafka/apis.ts';
import { FrameCutter, readRequestHeader, writeResponseHeader } from '../../../src/kafka/frame.ts';
import { readRequest } from '../../../src/kafka/read-fields.ts';
import { Reader } from '../../../src/kafka/reader.ts';
import { writeResponse } from '../../../src/kafka/write-fields.ts';
import { Writer } from '../../../src/kafka/writer.ts';

export interface Asked {
  name: string;
  version: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test looks for
  request: any;
  socket: Socket;
  /** The response as the table has it; or bytes as they are. */
  answer(response: object): void;
  raw(bytes: Uint8Array): void;
  correlationId: number;
}

export class ScriptedBroker {
  readonly #server: Server;
  readonly sockets = new Set<Socket>();
  /** What was asked, ApiVersions aside. */
  readonly asked: Asked[] = [];
  accepted = 0;
  port = 0;

  private constructor(answer: (asked: Asked) => void, versions: Record<string, readonly [number, number]>) {
    this.#server = createServer((socket) => {
      this.accepted++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
      const cutter = new FrameCutter();
      socket.on('data', (bytes) => cutter.feed(bytes, (frame) => this.#asked(frame, socket, answer, versions)));
    });
  }

  /** `versions`: what it says that it speaks of an API, by name; else all. */
  static async start(answer: (asked: Asked) => void, versions: Record<string, readonly [number, number]> = {}): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(answer, versions);
    await broker.listen(0);
    return broker;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #asked(frame: Buffer, socket: Socket, answer: (asked: Asked) => void, versions: Record<string, readonly [number, number]>): void {
    const reader = new Reader(frame);
    const { api, version, correlationId } = readRequestHeader(reader);
    const raw = (bytes: Uint8Array): void => void socket.write(bytes);
    const reply = (inVersion: number, response: object): void => {
      const writer = new Writer();
      const sized = writer.sized();
      writeResponseHeader(writer, api, inVersion, correlationId);
      writeResponse(api, inVersion, writer, response as Record<string, never>);
      sized();
      raw(Buffer.concat(writer.take()));
    };
    if (api.key === apiVersions.key) {
      const [, last] = versions.ApiVersions ?? apiVersions.versions;
      const apiKeys = apis.map(({ key, name, versions: all }) => ({ name, apiKey: key, all }));
      const told = apiKeys.flatMap(({ name, apiKey, all }) => {
        const [minVersion, maxVersion] = versions[name] ?? all;
        return maxVersion < 0 ? [] : [{ apiKey, minVersion, maxVersion }];
      });
      return version > last ? reply(0, { errorCode: 35, apiKeys: told }) : reply(version, { apiKeys: told });
    }
    const asked: Asked = {
      name: api.name,
      version,
      request: readRequest(api, version, reader),
      socket,
      answer: (response) => reply(version, response),
      raw,
      correlationId,
    };
    this.asked.push(asked);
    answer(asked);
  }
}
