/** DescribeConfigs, IncrementalAlterConfigs, AlterConfigs, ListConfigResources. Groups' settings are tried with the groups. */
import { setTimeout as delay } from 'node:timers/promises';
import { describeConfigs } from '../../../../src/kafka/api/32-describe-configs.ts';
import { alterConfigs } from '../../../../src/kafka/api/33-alter-configs.ts';
import { incrementalAlterConfigs } from '../../../../src/kafka/api/44-incremental-alter-configs.ts';
import { listConfigResources } from '../../../../src/kafka/api/74-list-config-resources.ts';
import type { OutgoingRequestOf } from '../../../../src/kafka/schema.ts';
import type { Asker } from '../asking.ts';

type Described = OutgoingRequestOf<typeof describeConfigs>['resources'][number];
type Altered = OutgoingRequestOf<typeof incrementalAlterConfigs>['resources'][number];
type Op = Altered['configs'][number];
type Replaced = OutgoingRequestOf<typeof alterConfigs>['resources'][number];

const TOPIC = 2;
const BROKER = 4;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

const described: Readonly<Record<string, Partial<Described>>> = {
  'a topic': {},
  'unknown topic': { resourceName: 'absent' },
  'topic without a name': { resourceName: '' },
  'bad name': { resourceName: 'bad name' },
  'all of a topic': { configurationKeys: null },
  'none of a topic': { configurationKeys: [] },
  'type 0': { resourceType: 0 },
  'type 99': { resourceType: 99 },
  'the broker': { resourceType: BROKER, resourceName: '1', configurationKeys: ['num.partitions', 'log.retention.hours'] },
  'the broker by default': { resourceType: BROKER, resourceName: '' },
  'another broker': { resourceType: BROKER, resourceName: '9' },
  'a broker of no number': { resourceType: BROKER, resourceName: 'abc' },
  'the logger': { resourceType: 8, resourceName: '1', configurationKeys: ['no.such'] },
  'logger of another': { resourceType: 8, resourceName: '9', configurationKeys: ['no.such'] },
  'client metrics': { resourceType: 16, resourceName: 'x' },
  'client metrics without a name': { resourceType: 16, resourceName: '' },
};

const op = (name: string, configOperation: number, value: string | null): Op => ({ name, configOperation, value });

/** In this order, on one topic. */
const altered: Readonly<Record<string, [readonly Op[], Partial<Altered>?]>> = {
  set: [[op('retention.ms', SET, '5000')]],
  'set to nothing': [[op('retention.ms', SET, null)]],
  delete: [[op('retention.ms', DELETE, null)]],
  'delete with a value': [[op('retention.ms', DELETE, '5')]],
  'append to no list': [[op('retention.ms', APPEND, '5')]],
  append: [[op('cleanup.policy', APPEND, 'compact')]],
  'append again': [[op('cleanup.policy', APPEND, 'compact')]],
  'append an unknown item': [[op('cleanup.policy', APPEND, 'zap')]],
  subtract: [[op('cleanup.policy', SUBTRACT, 'compact')]],
  'subtract again': [[op('cleanup.policy', SUBTRACT, 'compact')]],
  'subtract the last': [[op('cleanup.policy', SUBTRACT, 'delete')]],
  reset: [[op('cleanup.policy', DELETE, null)]],
  'operation 9': [[op('retention.ms', 9, '5')]],
  twice: [[op('retention.ms', SET, '5'), op('retention.ms', SET, '6')]],
  unknown: [[op('no.such', SET, '5')]],
  'delete unknown': [[op('no.such', DELETE, null)]],
  'append to unknown': [[op('no.such', APPEND, 'a')]],
  'no number': [[op('retention.ms', SET, 'x')]],
  none: [[]],
  'unknown topic': [[op('retention.ms', SET, '5')], { resourceName: 'absent' }],
  'topic without a name': [[op('retention.ms', SET, '5')], { resourceName: '' }],
  'bad name': [[op('retention.ms', SET, '5')], { resourceName: 'bad name' }],
  'the broker': [[op('log.retention.ms', SET, '5000000')], { resourceType: BROKER, resourceName: '1' }],
  'the broker, what is fixed': [[op('num.partitions', SET, '5')], { resourceType: BROKER, resourceName: '1' }],
  'another broker': [[op('log.retention.ms', SET, '5')], { resourceType: BROKER, resourceName: '9' }],
  'type 99': [[op('x', SET, '5')], { resourceType: 99, resourceName: '9' }],
  'with spaces': [[op('retention.ms', SET, ' 600000 ')]],
  'config without a name': [[op('', SET, '1')]],
  'remote storage': [[op('remote.storage.enable', SET, 'true')]],
};

/** Where the topic is looked at. */
const shownAfter = ['set', 'delete', 'append again', 'subtract again', 'subtract the last', 'reset'];
const HEARD_MS = 150;

const set = (name: string, value: string | null) => ({ name, value });
const replaced: Readonly<Record<string, Partial<Replaced>>> = {
  set: { configs: [set('retention.ms', '5000')] },
  'set to nothing': { configs: [set('retention.ms', null)] },
  twice: { configs: [set('retention.ms', '1'), set('retention.ms', '2')] },
  none: {},
  'unknown topic': { resourceName: 'absent' },
  'topic without a name': { resourceName: '' },
  unknown: { configs: [set('zap', '1')] },
  'no number': { configs: [set('retention.ms', 'x')] },
  'type 99': { resourceType: 99 },
  'another broker': { resourceType: BROKER, resourceName: '9', configs: [set('log.retention.ms', '5')] },
};

export async function configCases(asker: Asker): Promise<void> {
  await names(asker);
  await asker.makeTopics({ configured: 1 });
  const describe = (label: string, resources: readonly Partial<Described>[], includeSynonyms = false) =>
    asker.ask(label, describeConfigs, {
      resources: resources.map((one) => ({ resourceType: TOPIC, resourceName: 'configured', configurationKeys: ['retention.ms'], ...one })),
      includeSynonyms,
      includeDocumentation: false,
    });
  for (const [label, resource] of Object.entries(described)) await describe(label, [resource]);
  await describe('nothing', []);
  await describe('twice', [{}, {}]);

  const alter = (label: string, resources: readonly Partial<Altered>[], validateOnly = false) => {
    const rows = resources.map((one) => ({ resourceType: TOPIC, resourceName: 'configured', configs: [], ...one }));
    return asker.ask(label, incrementalAlterConfigs, { resources: rows, validateOnly });
  };
  for (const [label, [configs, more]] of Object.entries(altered)) {
    await alter(label, [{ configs, ...more }]);
    if (!shownAfter.includes(label)) continue;
    // Kafka's brokers hear of it from their controller a moment later.
    await delay(HEARD_MS);
    await describe(`after ${label}`, [{ configurationKeys: ['retention.ms', 'cleanup.policy'] }], true);
  }
  await alter('tried', [{ configs: [op('retention.ms', SET, '77')] }], true);
  await alter('tried, wrong', [{ configs: [op('retention.ms', SET, 'x')] }], true);
  await alter('two of one', [{ configs: [op('retention.ms', SET, '5')] }, { configs: [op('retention.ms', SET, '6')] }]);
  await alter('nothing', []);
  await delay(HEARD_MS);
  await describe('after two of one', [{}]);

  for (const [label, resource] of Object.entries(replaced)) {
    const row = { resourceType: TOPIC, resourceName: 'configured', configs: [], ...resource };
    await asker.ask(label, alterConfigs, { resources: [row], validateOnly: false });
  }
  for (const type of [4, 8, 16, 99]) await asker.ask(`type ${type}`, listConfigResources, { resourceTypes: [type] });
}

/** Each setting of a topic by itself: what it is called, what it is unless set, its type, and whether it can be set. */
async function names(asker: Asker): Promise<void> {
  await asker.makeTopics({ plain: 1 });
  const resource = { resourceType: TOPIC, resourceName: 'plain', configurationKeys: null };
  const answer = await asker.prepare(describeConfigs, { resources: [resource], includeSynonyms: true, includeDocumentation: true });
  for (const { name, value, configType, configSource, readOnly, isSensitive, synonyms, documentation } of answer.results[0].configs) {
    const facts = { value, configType, configSource, readOnly, isSensitive, isDocumented: (documentation ?? '') !== '' };
    asker.note(`DescribeConfigs v4 the setting ${name}`, {
      ...facts,
      synonyms: synonyms.map((one) => `${one.name}=${one.value} (${one.source})`),
    });
  }
}
