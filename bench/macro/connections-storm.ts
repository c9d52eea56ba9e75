/** Opens connections as fast as they are taken, asks each for ApiVersions, tells when all are answered, and holds them until its input ends. */
import { connect } from 'node:net';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { requestBytes } from '../../test/kafka/wire-client.ts';
import { setupOf, tell } from '../scenario.ts';

export interface StormSetup {
  port: number;
  connections: number;
}

export interface Stormed {
  seconds: number;
  check: string;
}

const { port, connections } = setupOf<StormSetup>();
/** At once: what the system's queue of connections that wait to be taken holds. */
const OPENING_MAX = 500;
const hello = requestBytes(apiVersions, 0, 1, { clientSoftwareName: '', clientSoftwareVersion: '' });

const startMs = performance.now();
let begun = 0;
let answered = 0;
let broken = 0;
await new Promise<void>((done) => {
  const next = (): void => {
    if (answered + broken === connections) return done();
    while (begun < connections && begun - answered - broken < OPENING_MAX) open();
  };
  const open = (): void => {
    begun++;
    const socket = connect(port, '127.0.0.1', () => socket.write(hello));
    let isAnswered = false;
    socket.once('data', () => {
      isAnswered = true;
      answered++;
      next();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      broken++;
      if (isAnswered) answered--;
      next();
    });
  };
  next();
});
tell({ seconds: (performance.now() - startMs) / 1000, check: `${answered} answered` } satisfies Stormed);
process.stdin.resume();
process.stdin.once('end', () => {
  // A connection that was lost meanwhile is told too.
  tell({ seconds: 0, check: `${answered} held` } satisfies Stormed);
  process.exit(0);
});
