/** A bus that is reached over TCP: options, brokers that are not there, what is under way when connections end, and how a process ends. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { checkConnectOptions } from '../../src/bus/connect-options.ts';
import { Bus, BusError, type ConnectOptions, connect, type ListenOptions, type RemoteBus } from '../../src/index.ts';
import { ScriptedBroker } from '../kafka/remote/scripted-broker.ts';
import { Wire } from '../kafka/remote/wire.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function served(options: ListenOptions = {}): Promise<{ bus: Bus; broker: string }> {
  const bus = await Bus.open({ logLevel: 'silent' });
  endings.push(() => bus.close());
  const { port } = await bus.listen({ port: 0, ...options });
  return { bus, broker: `127.0.0.1:${port}` };
}

async function connected(options: ConnectOptions): Promise<RemoteBus> {
  const remote = await connect(options);
  endings.push(() => remote.close({ deadlineMs: 1000 }));
  return remote;
}

async function errorOf(work: () => unknown): Promise<BusError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BusError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('options', () => {
  const wrong: [string, unknown, string][] = [
    ['nothing', {}, "['127.0.0.1:9092']"],
    ['an empty list', { brokers: [] }, 'it names no broker'],
    ['text', { brokers: 'localhost:9092' }, 'is none'],
    ['no port', { brokers: ['localhost'] }, '"localhost" says no host and port'],
    ['no such port', { brokers: ['localhost:65536'] }, 'says no host and port'],
    ['a URL', { brokers: ['tcp://localhost:9092'] }, 'says no host and port'],
    ['no path', { brokers: ['unix:'] }, 'says no host and port'],
    ['a wrong name', { brokers: ['a:1'], broker: 'a:1' }, 'broker'],
    ['a wrong choice', { brokers: ['a:1'], isolation: 'none' }, 'isolation'],
    ['a wrong number', { brokers: ['a:1'], requestTimeoutMs: 0 }, 'requestTimeoutMs'],
  ];
  test.each(wrong)('%s is refused in words', async (_what, options, words) => {
    const error = await errorOf(() => connect(options as ConnectOptions));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(words);
  });

  test('brokers are hosts with ports, addresses of both kinds, and paths', () => {
    const { addresses } = checkConnectOptions({ brokers: ['localhost:9092', '[::1]:1', 'unix:/tmp/a socket'] });
    expect(addresses).toEqual([{ host: 'localhost', port: 9092 }, { host: '::1', port: 1 }, { path: '/tmp/a socket' }]);
  });

  test('limits.bootstrapBrokersMax brokers are enough', async () => {
    const brokers = Array.from({ length: limits.bootstrapBrokersMax }, (_, i) => `a:${i + 1}`);
    expect(checkConnectOptions({ brokers }).addresses).toHaveLength(limits.bootstrapBrokersMax);
    expect((await errorOf(() => checkConnectOptions({ brokers: [...brokers, 'a:1000'] }))).message).toContain('are enough');
  });
});

describe('brokers that are not there', () => {
  test('connect rejects within its time, with the brokers and why', async () => {
    const { bus, broker } = await served();
    await bus.close();
    const error = await errorOf(() => connect({ brokers: [broker, 'unix:/no/such/socket'], openTimeoutMs: 500 }));
    expect(error.code).toBe('BROKER_NOT_AVAILABLE');
    expect(error.message).toContain(`no broker of ${broker}, unix:/no/such/socket has answered within 500 ms`);
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).toContain('ENOENT');
  });

  test('what is no broker is told as such', async () => {
    const server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endings.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const error = await errorOf(() => connect({ brokers: [`127.0.0.1:${port}`], openTimeoutMs: 1000 }));
    expect(error.message).toContain('what it sent is no response');
  });

  test('one of the list is enough', async () => {
    const { broker } = await served();
    const remote = await connected({ brokers: ['127.0.0.1:1', broker] });
    expect(await remote.admin().listTopics()).toEqual([]);
  });
});

describe('produce and consume', () => {
  test('every codec, keys, headers, and a large record, there and back', async () => {
    const { broker } = await served();
    const remote = await connected({ brokers: [broker] });
    await remote.admin().createTopics([{ name: 'codecs', partitions: 2 }]);
    const large = Buffer.alloc(300_000, 'x');
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const producer = remote.producer({ compression });
      await producer.send('codecs', { key: compression, value: { large }, headers: { codec: compression } });
      await producer.close();
    }
    const consumer = await remote.consumer({ autoOffsetReset: 'earliest' }).assign('codecs');
    const seen: string[] = [];
    for await (const { key, value, rawHeaders } of consumer) {
      expect((value as { large: Buffer }).large).toEqual(large);
      expect(rawHeaders[0].value?.toString()).toBe(key);
      if (seen.push(String(key)) === 5) break;
    }
    expect(seen.sort()).toEqual(['gzip', 'lz4', 'none', 'snappy', 'zstd']);
  });

  test('a seek while a fetch waits at the broker does not wait for it', async () => {
    const { broker } = await served();
    const remote = await connected({ brokers: [broker] });
    const producer = remote.producer();
    await producer.send('a', { value: 'first' });
    const consumer = await remote.consumer({ autoOffsetReset: 'earliest', fetchWaitMs: 20_000 }).assign('a');
    expect((await consumer.poll({ timeoutMs: 5000 }))[0].value).toBe('first');
    for (let i = 0; i < 10; i++) {
      // Long enough that a fetch is under way.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const from = performance.now();
      await consumer.seek('a', 0);
      expect((await consumer.poll({ timeoutMs: 5000 }))[0].value).toBe('first');
      expect(performance.now() - from).toBeLessThan(2000);
    }
  });

  test('connections that are cut in the middle of everything lose, double and reorder nothing', async () => {
    const wire = await Wire.lay();
    endings.push(() => wire.close());
    const { broker } = await served({ advertisedPort: wire.port });
    wire.target = Number(broker.split(':')[1]);
    const remote = await connected({ brokers: [`127.0.0.1:${wire.port}`] });
    await remote.admin().createTopics([{ name: 'once', partitions: 3 }]);
    const producer = remote.producer({ batchSize: 1024, retryBackoffMs: 5 });
    const consumer = await remote.consumer({ autoOffsetReset: 'earliest' }).assign('once');
    const seen: number[][] = [[], [], []];
    const reading = (async () => {
      for (let count = 0; count < ROUNDS * 1500; )
        for (const { partition, value } of await consumer.poll({ timeoutMs: 500 }))
          count += seen[partition].push(value as number) > 0 ? 1 : 0;
    })();
    const sent: Promise<unknown>[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < 1500; i++) sent.push(producer.send('once', { partition: i % 3, value: round * 1500 + i }));
      // At another moment each time.
      await new Promise((resolve) => setTimeout(resolve, 5 + 3 * (round % 7)));
      wire.cut();
    }
    await Promise.all(sent);
    await reading;
    const all = Array.from({ length: ROUNDS * 1500 }, (_, i) => i);
    expect(seen).toEqual([0, 1, 2].map((partition) => all.filter((i) => i % 3 === partition)));
    expect(wire.taken).toBeGreaterThan(5);
  });
});

/** Cuts of the connections under a producer and a consumer. */
const ROUNDS = 20;

describe('closing', () => {
  test('a broker that does not answer any more holds up a close no longer than its deadline; what was not acknowledged is told', async () => {
    const broker = await ScriptedBroker.start(() => {});
    endings.push(() => broker.stop());
    const wire = await Wire.lay();
    endings.push(() => wire.close());
    const { broker: real } = await served({ advertisedPort: wire.port });
    wire.target = Number(real.split(':')[1]);
    const remote = await connect({ brokers: [`127.0.0.1:${wire.port}`] });
    await remote.admin().createTopics([{ name: 'a' }]);
    const consumer = await remote.consumer().assign('a');
    const producer = remote.producer();
    await producer.send('a', { value: 1 });
    // From now on it is somebody who takes connections, and says nothing.
    wire.target = broker.port;
    wire.cut();
    const waiting = producer.send('a', { value: 2 });
    const polled = consumer.poll({ timeoutMs: 60_000 });
    const from = performance.now();
    const { unfinished } = await remote.close({ deadlineMs: 500 });
    expect(performance.now() - from).toBeLessThan(3000);
    expect(unfinished).toEqual(['1 batches of producers were not acknowledged']);
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(polled).resolves.toBeDefined();
    expect(remote.closed).toBe(true);
  });
});

describe('a process', () => {
  const run = (code: string): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((resolve) => {
      const text = code.replaceAll("from 'spillway'", `from '${new URL('../../src/index.ts', import.meta.url).href}'`);
      const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'pipe'] });
      let out = '';
      let err = '';
      child.stdout.on('data', (piece) => {
        out += piece;
      });
      child.stderr.on('data', (piece) => {
        err += piece;
      });
      child.on('close', (status) => resolve({ code: status, out, err }));
    });

  test('ends when nothing is left to do, though its remote bus is not closed', async () => {
    const { broker } = await served();
    const text = `import { connect } from 'spillway';
      const remote = await connect({ brokers: ['${broker}'] });
      await remote.producer().send('a', { value: 1 });
      console.log('sent');`;
    expect(await run(text)).toEqual({ code: 0, out: 'sent\n', err: '' });
  });

  test('stays while a consumer follows partitions, and ends when it is closed', async () => {
    const { bus, broker } = await served();
    const text = `import { connect } from 'spillway';
      const remote = await connect({ brokers: ['${broker}'] });
      const consumer = await remote.consumer({ fetchWaitMs: 50 }).assign('a');
      console.log('follows');
      for await (const { value } of consumer) { console.log(value); break; }
      await remote.close();`;
    await bus.admin().createTopics([{ name: 'a' }]);
    const ended = run(text);
    const producer = bus.producer();
    const timer = setInterval(() => void producer.send('a', { value: 'late' }), 600);
    expect(await ended).toEqual({ code: 0, out: 'follows\nlate\n', err: '' });
    clearInterval(timer);
  });
});
