/** Requests that are well formed and mean nothing, of every API in every version: each is answered, waits, or ends its connection; the listener lives. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bus, type Listening } from '../../src/index.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { handlers } from '../../src/kafka/handlers.ts';
import { anyMessage, type Message } from './messages.ts';
import { requestBytes, WireClient } from './wire-client.ts';

const SEEDS = 6;
let bus: Bus;
let listening: Listening;

beforeAll(async () => {
  bus = await Bus.open({ logLevel: 'silent' });
  listening = await bus.listen({ port: 0 });
});
afterAll(() => bus.close());

/** Topics that would fill the machine are not asked for. */
function tamed(message: Message): Message {
  return JSON.parse(JSON.stringify(message), (key, value: unknown) => {
    if (['numPartitions', 'count'].includes(key)) return Number(value) % 7;
    if (value !== null && typeof value === 'object' && (value as { type?: string }).type === 'Buffer') return Buffer.from(value as never);
    return value;
  }) as Message;
}

test('nothing that a client can say ends the listener', { timeout: 60_000 }, async () => {
  const [{ threadId }] = listening.threads;
  const apis = handlers.map(({ api }) => api);
  for (let seed = 0; seed < SEEDS; seed++) {
    const clients: WireClient[] = [];
    let ended = 0;
    for (const api of apis) {
      for (let version = api.versions[0]; version <= api.versions[1]; version++) {
        const client = await WireClient.open(listening);
        clients.push(client);
        void client.next().then(() => ended++);
        for (let i = 0; i < 3; i++) {
          const message = tamed(anyMessage(api.request, version, seed * 1000 + api.key * 40 + version + i * 77));
          client.send(requestBytes(api, version, i, message as never));
        }
      }
    }
    // Fetches and joins may wait for as long as they say; all others end.
    for (let i = 0; i < 500 && ended < 0.7 * clients.length; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ended).toBeGreaterThan(0.7 * clients.length);
    const alive = await WireClient.open(listening);
    const { apiKeys } = await alive.ask(apiVersions, 4, { clientSoftwareName: 'a', clientSoftwareVersion: '1' });
    expect(apiKeys).toHaveLength(apis.length);
    for (const client of [...clients, alive]) client.close();
  }
  expect(listening.threads.map((thread) => thread.threadId)).toEqual([threadId]);
});
