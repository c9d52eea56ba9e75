/** AlterClientQuotas and DescribeClientQuotas. */
import { describeClientQuotas } from '../../../../src/kafka/api/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../../../src/kafka/api/49-alter-client-quotas.ts';
import type { OutgoingRequestOf } from '../../../../src/kafka/schema.ts';
import type { Asker } from '../asking.ts';

type Entry = OutgoingRequestOf<typeof alterClientQuotas>['entries'][number];
type Entity = Entry['entity'][number];
type Op = Entry['ops'][number];
type Component = OutgoingRequestOf<typeof describeClientQuotas>['components'][number];

const client = (entityName: string | null): Entity => ({ entityType: 'client-id', entityName });
const rate = (value: number, key = 'producer_byte_rate', remove = false): Op => ({ key, value, remove });
const [EXACT, DEFAULT, ANY] = [0, 1, 2];
const match = (entityType: string, matchType: number, name: string | null): Component => ({ entityType, matchType, match: name });

/** In this order. */
const altered: Readonly<Record<string, [Entity[], Op[]]>> = {
  set: [[client('one')], [rate(1000)]],
  'set for all others': [[client(null)], [rate(2000, 'consumer_byte_rate')]],
  'set another of one': [[client('one')], [rate(3000, 'consumer_byte_rate')]],
  'a fraction of a byte': [[client('one')], [rate(1000.5)]],
  'unknown key': [[client('one')], [rate(1, 'zap')]],
  negative: [[client('one')], [rate(-1)]],
  zero: [[client('one')], [rate(0)]],
  'less than one': [[client('one')], [rate(0.5)]],
  nobody: [[], [rate(1)]],
  'unknown type': [[{ entityType: 'zap', entityName: 'one' }], [rate(1)]],
  'without a name': [[client('')], [rate(1)]],
  'no ops': [[client('one')], []],
  'remove what is not there': [[client('other')], [rate(0, 'producer_byte_rate', true)]],
  'one key twice': [[client('twice')], [rate(5), rate(6)]],
  users: [[{ entityType: 'user', entityName: 'u' }], [rate(5)]],
  'share of the threads': [[client('one')], [rate(50, 'request_percentage')]],
};

const described: Readonly<Record<string, [Component[], boolean?]>> = {
  all: [[]],
  one: [[match('client-id', EXACT, 'one')]],
  'that of all others': [[match('client-id', DEFAULT, null)]],
  'any of a type': [[match('client-id', ANY, null)]],
  'any of a type, strictly': [[match('client-id', ANY, null)], true],
  'nobody, strictly': [[], true],
  'unknown client': [[match('client-id', EXACT, 'other')]],
  'unknown type': [[match('zap', EXACT, 'one')]],
  'type without a name': [[match('', EXACT, 'one')]],
  'match 7': [[match('client-id', 7, 'one')]],
  'exactly nobody': [[match('client-id', EXACT, null)]],
  'one type twice': [[match('client-id', EXACT, 'one'), match('client-id', EXACT, 'twice')]],
  'others with a name': [[match('client-id', DEFAULT, 'x')]],
  'any with a name': [[match('client-id', ANY, 'x')]],
};

export async function quotaCases(asker: Asker): Promise<void> {
  for (const [label, [entity, ops]] of Object.entries(altered)) {
    await asker.ask(label, alterClientQuotas, { entries: [{ entity, ops }], validateOnly: false });
  }
  await asker.ask('tried', alterClientQuotas, { entries: [{ entity: [client('tried')], ops: [rate(5)] }], validateOnly: true });
  await asker.ask('nothing', alterClientQuotas, { entries: [], validateOnly: false });
  // What was altered is in force a moment later.
  await asker.until(describeClientQuotas, { components: [], strict: false }, ({ entries }) =>
    (entries ?? []).some(({ values }) => values.length >= 2),
  );
  for (const [label, [components, strict = false]] of Object.entries(described)) {
    await asker.ask(label, describeClientQuotas, { components, strict });
  }
  for (const name of ['one', 'twice', 'u', null]) {
    const entity = name === 'u' ? { entityType: 'user', entityName: 'u' } : client(name);
    const ops = ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage'].map((key) => rate(0, key, true));
    for (const one of ops) await asker.prepare(alterClientQuotas, { entries: [{ entity: [entity], ops: [one] }], validateOnly: false });
  }
}
