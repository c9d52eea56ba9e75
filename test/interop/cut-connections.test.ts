/** An idempotent producer, and then a consumer, whose connections are cut again and again: each record is there once, in order. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isFull, onBrokers } from './brokers.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { javaSkipReason } from './java.ts';
import { Jvm } from './jvm.ts';

let jvm: Jvm;
beforeAll(() => {
  if (javaSkipReason === null) jvm = Jvm.start();
}, 300_000);
afterAll(() => jvm?.close());

const proxies: CuttingProxy[] = [];
afterAll(async () => {
  for (const proxy of proxies) await proxy.close();
});

/** Clients are told the way through the last proxy. */
async function advertised(kind: 'spillway' | 'kafka'): Promise<Record<string, string>> {
  const proxy = new CuttingProxy(7);
  proxies.push(proxy);
  const port = await proxy.listen();
  return kind === 'kafka' ? { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}` } : { 'advertised.port': String(port) };
}

onBrokers("Kafka's Java client, cut off again and again", { skip: javaSkipReason, settings: advertised }, (broker) => {
  test('nothing is lost, doubled or out of order', { timeout: 120_000 }, async () => {
    const proxy = proxies[proxies.length - 1];
    proxy.to = broker.port;
    proxy.cutting = true;
    const count = isFull ? 20_000 : 4_000;
    const out = await jvm.run('Producing', [broker.bootstrap, 'through', 'cut-off', String(count)]);
    expect(out.trimEnd().split('\n')).toEqual(['out of order 0', `ends ${count / 2} ${count / 2}`, 'wrong 0']);
    expect(proxy.cuts).toBeGreaterThan(10);
  });
});
