/** What groups are told apart from the others: on the wire, in the members' sessions, and after the bus was opened again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { errorName } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { Bus } from '../../src/index.ts';
import { describeConfigs } from '../../src/kafka/api/32-describe-configs.ts';
import { alterConfigs } from '../../src/kafka/api/33-alter-configs.ts';
import { incrementalAlterConfigs } from '../../src/kafka/api/44-incremental-alter-configs.ts';
import { consumerGroupHeartbeat } from '../../src/kafka/api/68-consumer-group-heartbeat.ts';
import { listConfigResources } from '../../src/kafka/api/74-list-config-resources.ts';
import { WireClient } from './wire-client.ts';

const GROUP = 32;
const SESSION = 'consumer.session.timeout.ms';
const HEARTBEAT = 'consumer.heartbeat.interval.ms';
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function open(dir?: string): Promise<{ bus: Bus; client: WireClient }> {
  const configs = { 'group.consumer.session.timeout.ms': '20000', 'group.consumer.heartbeat.interval.ms': '4000' };
  const bus = await Bus.open({ logLevel: 'silent', configs, ...(dir === undefined ? {} : { dir }) });
  endings.push(() => bus.close());
  const client = await WireClient.open(await bus.listen({ port: 0 }));
  endings.push(() => client.close());
  return { bus, client };
}

/** Sets what has a value, deletes what has none. */
async function alter(client: WireClient, resourceName: string, values: Record<string, string | null>) {
  const configs = Object.entries(values).map(([name, value]) => ({ name, configOperation: value === null ? 1 : 0, value }));
  const request = { resources: [{ resourceType: GROUP, resourceName, configs }], validateOnly: false };
  const [{ errorCode, errorMessage }] = (await client.ask(incrementalAlterConfigs, 1, request)).responses;
  return `${errorName(errorCode)} ${errorMessage ?? ''}`.trim();
}

async function described(client: WireClient, resourceName: string) {
  const resources = [{ resourceType: GROUP, resourceName, configurationKeys: null }];
  const { results } = await client.ask(describeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: false });
  return results[0].configs.map(({ name, value, configSource, configType, readOnly, synonyms }) => {
    expect({ configType, readOnly }).toEqual({ configType: 3, readOnly: false });
    expect(synonyms).toEqual([{ name, value, source: configSource }]);
    return `${name}=${value} (${configSource})`;
  });
}

const listed = async (client: WireClient) => (await client.ask(listConfigResources, 1, { resourceTypes: [GROUP] })).configResources;

async function heartbeat(client: WireClient, memberId: string, memberEpoch: number) {
  const joining = { rebalanceTimeoutMs: 10_000, subscribedTopicNames: ['t'], topicPartitions: [] };
  const request = {
    groupId: 'g',
    memberId,
    memberEpoch,
    ...(memberEpoch === 0 ? joining : { subscribedTopicNames: null, topicPartitions: null }),
  };
  return client.ask(consumerGroupHeartbeat, 1, request);
}

test('are described with what holds for all, set and deleted; groups that have some are listed, as Kafka does', async () => {
  const { client } = await open();
  expect(await described(client, 'g')).toEqual([`${HEARTBEAT}=4000 (5)`, `${SESSION}=20000 (5)`]);
  expect(await listed(client)).toEqual([]);
  expect(await alter(client, 'g', { [SESSION]: '30000' })).toBe('NONE');
  expect(await described(client, 'g')).toEqual([`${HEARTBEAT}=4000 (5)`, `${SESSION}=30000 (8)`]);
  expect(await described(client, 'h')).toEqual([`${HEARTBEAT}=4000 (5)`, `${SESSION}=20000 (5)`]);
  expect(await listed(client)).toEqual([{ resourceName: 'g', resourceType: GROUP }]);
  expect(await alter(client, 'g', { [SESSION]: null })).toBe('NONE');
  expect(await listed(client)).toEqual([]);
});

test('are refused in words, all or none', async () => {
  const { client } = await open();
  expect(await alter(client, 'g', { [HEARTBEAT]: '100', 'share.session.timeout.ms': '1' })).toMatch(
    /^INVALID_CONFIG "share.session.timeout.ms" is nothing/,
  );
  expect(await alter(client, 'g', { [SESSION]: '99' })).toBe(`INVALID_CONFIG ${SESSION} is 100 to 1800000 on this bus, not 99`);
  expect(await alter(client, 'g', { [SESSION]: '1e4' })).toMatch(/^INVALID_CONFIG .* is a number of milliseconds/);
  expect(await alter(client, 'g', { [HEARTBEAT]: '20000' })).toMatch(
    /^INVALID_CONFIG .* less than the session timeout, which is 20000 ms$/,
  );
  expect(await alter(client, '', { [SESSION]: '30000' })).toMatch(/^INVALID_REQUEST a group has a name/);
  expect(await alter(client, 'g'.repeat(limits.groupNameMax + 1), { [SESSION]: '30000' })).toMatch(/^INVALID_REQUEST names have at most/);
  const whole = [{ resourceType: GROUP, resourceName: 'g', configs: [{ name: SESSION, value: '30000' }] }];
  const [{ errorMessage }] = (await client.ask(alterConfigs, 2, { resources: whole, validateOnly: false })).responses;
  expect(errorMessage).toMatch(/IncrementalAlterConfigs/);
  expect(await listed(client)).toEqual([]);
});

test('hold for members with their next heartbeat, whenever they joined: how often they shall be heard, and when they are given up', async () => {
  const { bus, client } = await open();
  await bus.admin().createTopics([{ name: 't', partitions: 1 }]);
  const { memberEpoch, heartbeatIntervalMs } = await heartbeat(client, 'm', 0);
  expect(heartbeatIntervalMs).toBe(4000);
  await alter(client, 'g', { [SESSION]: '300', [HEARTBEAT]: '290' });
  expect(await heartbeat(client, 'm', memberEpoch)).toMatchObject({ errorCode: 0, heartbeatIntervalMs: 290 });
  const members = async () => (await bus.admin().describeGroup('g')).members.length;
  expect(await members()).toBe(1);
  await expect.poll(members).toBe(0);
});

test('outlive the bus', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'spillway-group-configs-'));
  endings.push(() => rmSync(dir, { recursive: true, force: true }));
  const { bus, client } = await open(dir);
  expect(await alter(client, 'g', { [SESSION]: '30000', [HEARTBEAT]: '500' })).toBe('NONE');
  client.close();
  await bus.close();
  const again = await open(dir);
  expect(await described(again.client, 'g')).toEqual([`${HEARTBEAT}=500 (8)`, `${SESSION}=30000 (8)`]);
});
