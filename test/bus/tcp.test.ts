/** The bus over TCP: what a client of `connect` does is what one of the bus does. */
import { Bus, connect } from '../../src/index.ts';
import { type AnyBus, busSuite } from '../suites/bus.ts';

async function open(): Promise<AnyBus> {
  const bus = await Bus.open({ hosts: 2, memoryBytesMax: 64 * 1024 * 1024, retentionCheckMs: 100, logLevel: 'silent' });
  const { port } = await bus.listen({ port: 0 });
  const remote = await connect({ brokers: [`127.0.0.1:${port}`] });
  return {
    producer: (options) => remote.producer(options),
    consumer: (options) => remote.consumer(options),
    outbox: (db, options) => remote.outbox(db, options),
    admin: () => remote.admin(),
    close: async () => {
      await remote.close();
      await bus.close();
    },
  };
}

busSuite('a bus over TCP', 'tcp', open);
