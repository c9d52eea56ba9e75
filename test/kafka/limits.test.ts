/** Bounds of a listener, each at its maximum and one beyond: in number, in bytes of one request, in bytes of all connections together. */
import { afterEach, describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { Bus } from '../../src/index.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { Tally } from '../../src/kafka/tally.ts';
import { Loopback, type LoopbackClient, type LoopbackOptions } from './loopback.ts';
import { requestBytes, WireClient } from './wire-client.ts';

let bench: Loopback;
afterEach(async () => {
  expect(bench.failures).toEqual([]);
  await bench.close();
});

const MiB = 1 << 20;
const hello = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };
const isServed = async (client: LoopbackClient): Promise<boolean> => (await client.ask(apiVersions, 3, hello)).errorCode === 0;
const open = async (listener: NonNullable<LoopbackOptions['listener']>): Promise<void> => {
  bench = await Loopback.open({ folder: false, listener });
};

/** Ends of connections are told. */
const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The beginning of a request that never ends. */
function part(bytes: number): Buffer {
  const begun = Buffer.alloc(bytes);
  begun.writeInt32BE(50 * MiB, 0);
  return begun;
}

describe('connections', () => {
  test('of all: one more than may be is closed at once, and its place is free again', async () => {
    await open({ connectionsMax: 3 });
    const clients = [1, 2, 3].map((n) => bench.connect(`/10.0.0.${n}`));
    expect(await Promise.all(clients.map(isServed))).toEqual([true, true, true]);
    expect(bench.connect('/10.0.0.4').isClosed).toBe(true);
    clients[0].close();
    await told();
    expect(await isServed(bench.connect('/10.0.0.4'))).toBe(true);
    expect(bench.listener.counts).toMatchObject({ connections: 3, accepted: 5, closed: { 'too-many-connections': 1 } });
  });

  test('of one address: one more is closed at once, others are not; Unix sockets have no address', async () => {
    await open({ connectionsPerAddressMax: 2 });
    const clients = [bench.connect('/10.0.0.1'), bench.connect('/10.0.0.1')];
    expect(await Promise.all(clients.map(isServed))).toEqual([true, true]);
    expect(bench.connect('/10.0.0.1').isClosed).toBe(true);
    expect(await isServed(bench.connect('/10.0.0.2'))).toBe(true);
    clients[0].close();
    await told();
    expect(await isServed(bench.connect('/10.0.0.1'))).toBe(true);
    for (let i = 0; i < 3; i++) expect(bench.connect('/unix').isClosed).toBe(false);
    await told();
    expect(bench.listener.counts.closed).toEqual({ 'too-many-of-one-address': 1 });
  });
});

describe('bytes', () => {
  test('of one request: the largest that may be is taken, one more byte closes its connection', async () => {
    const request = requestBytes(apiVersions, 3, 1, { ...hello, clientSoftwareVersion: '1'.repeat(2000) });
    await open({ requestBytesMax: request.length - 4 });
    const fits = bench.connect();
    const answer = fits.next();
    fits.send(request);
    expect((await answer)?.readInt32BE(0)).toBe(1);
    const larger = bench.connect();
    larger.send(requestBytes(apiVersions, 3, 1, { ...hello, clientSoftwareVersion: '1'.repeat(2001) }));
    expect(larger.isClosed).toBe(true);
    await told();
    expect(bench.listener.counts.closed).toEqual({ 'frame-too-large': 1 });
  });

  test('of all connections: requests that do not end make room, the largest first, and nobody else is touched', async () => {
    await open({ queuedBytesMax: 4 * MiB });
    const sound = bench.connect();
    const slow = [1, 2, 3].map((parts) => {
      const client = bench.connect();
      client.send(part((parts * MiB) / 2));
      return client;
    });
    expect(bench.listener.counts.heldBytes).toBe(3 * MiB);
    const more = bench.connect();
    more.send(part(MiB - 1));
    await told();
    expect(slow.map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
    more.send(Buffer.alloc(1));
    await told();
    expect(slow.map(({ isClosed }) => isClosed)).toEqual([false, false, true]);
    expect(bench.listener.counts).toMatchObject({ heldBytes: 2.5 * MiB, closed: { 'holds-too-much': 1 } });
    expect(await isServed(sound)).toBe(true);
  });

  test('a client that reads nothing is asked nothing more, and makes room when there is none', async () => {
    await open({ queuedBytesMax: 2 * MiB });
    const deaf = bench.connect();
    deaf.isReading = false;
    const request = requestBytes(apiVersions, 3, 1, hello);
    // As fast as it may: what is not read waits in its own socket.
    for (let i = 0; i < 20 && !deaf.isPaused; i++) {
      deaf.send(Buffer.concat(Array.from({ length: 1000 }, () => request)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(deaf.isPaused).toBe(true);
    expect(deaf.waitingBytes).toBeLessThan(MiB);
    const sound = bench.connect();
    expect(await isServed(sound)).toBe(true);
    const other = bench.connect();
    other.send(part(2 * MiB - bench.listener.counts.heldBytes - 1));
    await told();
    expect([deaf.isClosed, other.isClosed]).toEqual([false, false]);
    other.send(Buffer.alloc(1));
    await told();
    expect(bench.listener.counts.closed).toEqual({ 'holds-too-much': 1 });
    expect(await isServed(sound)).toBe(true);
  });

  test('what one may hold is a quarter of what is left, and never more than its own bound', async () => {
    await open({});
    let full = 0;
    const tally = new Tally(100 * MiB, () => full++);
    expect(tally.shareBytes).toBe(limits.connectionBytesMax);
    tally.hold(60 * MiB);
    expect(tally.shareBytes).toBe(10 * MiB);
    tally.hold(40 * MiB - 1);
    expect([tally.isFull, full]).toEqual([false, 0]);
    tally.hold(1);
    expect([tally.isFull, full, tally.shareBytes]).toEqual([true, 1, 0]);
    tally.hold(-1);
    expect([tally.isFull, full]).toEqual([false, 1]);
  });
});

test('a listener tells what it does, and which there are', async () => {
  await open({});
  await using bus = await Bus.open({ logLevel: 'silent' });
  expect(bus.listeners).toEqual([]);
  const listening = await bus.listen({ port: 0 });
  expect(bus.listeners).toEqual([listening]);
  const client = await WireClient.open(listening);
  await client.ask(apiVersions, 3, hello);
  const wrong = await WireClient.open(listening);
  wrong.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await wrong.closed;
  const counts = await listening.counts();
  expect(counts).toMatchObject({ connections: 1, accepted: 2, closed: { 'frame-too-large': 1 }, requests: 1, heldBytes: 0 });
  expect(counts.receivedBytes).toBeGreaterThan(30);
  expect(counts.sentBytes).toBeGreaterThan(100);
  client.close();
  await listening.threads[0].terminate();
  await expect.poll(() => listening.counts().catch(() => null)).toMatchObject({ connections: 0, accepted: 0 });
  await listening.close();
  await expect(listening.counts()).rejects.toMatchObject({ code: 'CLOSED' });
  expect(bus.listeners).toEqual([]);
  await expect(bus.listen({ port: 0, queuedBytesMax: 50 * MiB })).rejects.toThrow('requestBytesMax');
});
