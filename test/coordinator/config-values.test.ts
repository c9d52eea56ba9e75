/** The table of configurations, and what its values are parsed to, refused with, and resolved from. */
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { ownBusConfigs } from '../../src/coordinator/bus-configs.ts';
import {
  applyConfigOps,
  type BusConfigs,
  type Configs,
  describeConfigs,
  parseBusConfigs,
  parseTopicConfigs,
  resolveConfig,
  toLogConfig,
} from '../../src/coordinator/config-values.ts';
import { type ConfigRow, topicConfigs } from '../../src/coordinator/configs.ts';

const bus = (defaults: Configs = {}, options: { folder?: boolean; memoryBytesMax?: number } = {}): BusConfigs => {
  const parsed = parseBusConfigs(defaults, { folder: options.folder ?? true, memoryBytesMax: options.memoryBytesMax ?? 2 ** 28 });
  if (parsed.message !== undefined) throw new Error(parsed.message);
  return parsed.ok;
};
const parse = (key: string, value: string, on = bus()) => {
  const parsed = parseTopicConfigs({ [key]: value }, on);
  return parsed.message ?? parsed.ok[key];
};

describe('the table', () => {
  const rows = Object.entries<ConfigRow>({ ...topicConfigs, ...ownBusConfigs });

  test('every default is a value that its own row accepts', () => {
    for (const [key, row] of Object.entries<ConfigRow>(topicConfigs)) {
      if (row.default === '') continue;
      expect(parse(key, row.default), key).toBe(row.default);
    }
    const ofBus = rows.flatMap(([, row]) => (row.bus === undefined || row.default === '' ? [] : [[row.bus, row.default]]));
    expect(bus(Object.fromEntries(ofBus))).toBeDefined();
  });

  test('bus-level names are unique, and every row is documented', () => {
    const names = rows.flatMap(([, row]) => row.bus ?? []);
    expect(new Set(names).size).toBe(names.length);
    for (const [key, { documentation }] of rows) expect(documentation, key).toMatch(/^.{30,}\.$/s);
  });

  test('values are accepted at their bounds and refused one beyond', () => {
    for (const [key, row] of Object.entries<ConfigRow>(topicConfigs)) {
      if (row.type !== 'int' && row.type !== 'long') continue;
      const max = key === 'max.message.bytes' ? 2 ** 26 : row.max;
      // The two lags bound each other.
      const others: Configs = key === 'min.compaction.lag.ms' ? { 'max.compaction.lag.ms': String(2n ** 63n - 1n) } : {};
      for (const bound of [row.min, max]) {
        const parsed = parseTopicConfigs({ ...others, [key]: String(bound) }, bus());
        expect(parsed.message, key).toBeUndefined();
      }
      expect(parse(key, String(BigInt(row.min as number) - 1n)), key).toMatch(/must lie between/);
      expect(parse(key, String(BigInt(max as number) + 1n)), key).toMatch(/must lie between|at most/);
    }
  });

  test('stands beside Apache Kafka 4’s own topic configurations', () => {
    const kafka = `cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level delete.retention.ms
      file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas index.interval.bytes
      leader.replication.throttled.replicas local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes message.timestamp.after.max.ms
      message.timestamp.before.max.ms message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas
      preallocate remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms segment.bytes segment.index.bytes segment.jitter.ms segment.ms
      unclean.leader.election.enable`.split(/\s+/);
    expect(Object.keys(topicConfigs).filter((key) => key !== 'durability')).toEqual(kafka);
  });
});

describe('parsing', () => {
  test('brings values into one form', () => {
    expect(parse('retention.ms', ' +0060 ')).toBe('60');
    expect(parse('retention.ms', '-1')).toBe('-1');
    expect(parse('flush.ms', '9223372036854775807')).toBe('9223372036854775807');
    expect(parse('preallocate', 'TRUE')).toBe('true');
    expect(parse('min.cleanable.dirty.ratio', '.25')).toBe('0.25');
    expect(parse('cleanup.policy', ' compact , delete ')).toBe('compact,delete');
    expect(parse('cleanup.policy', '')).toBe('');
    expect(parse('follower.replication.throttled.replicas', '*')).toBe('*');
  });

  test.each([
    ['retention.ms', '', '"retention.ms" must be a whole number, not ""'],
    ['retention.ms', '1e3', '"retention.ms" must be a whole number, not "1e3"'],
    ['retention.ms', '9223372036854775808', '"retention.ms" is 9223372036854775808, but must lie between -1 and 9223372036854775807'],
    ['preallocate', 'yes', '"preallocate" must be "true" or "false", not "yes"'],
    ['min.cleanable.dirty.ratio', '2', '"min.cleanable.dirty.ratio" is 2, but must lie between 0 and 1'],
    ['min.cleanable.dirty.ratio', 'NaN', '"min.cleanable.dirty.ratio" must be a number, not "NaN"'],
    ['message.timestamp.type', 'createtime', '"message.timestamp.type" cannot be "createtime": use one of CreateTime, LogAppendTime'],
    ['cleanup.policy', 'compact,shred', '"cleanup.policy" cannot be "shred": use one of compact, delete'],
    ['cleanup.policy', 'delete,delete', '"cleanup.policy" names an item twice: "delete,delete"'],
    ['remote.storage.enable', 'true', '"remote.storage.enable" cannot be "true": there is no storage but the data folder'],
    ['retention.sm', '1', '"retention.sm" is no topic configuration; did you mean "retention.ms"?'],
    ['wombat', '1', '"wombat" is no topic configuration: docs/configuration.md lists what there is'],
    ['constructor', '1', '"constructor" is no topic configuration: docs/configuration.md lists what there is'],
    ['log.roll.ms', '1', '"log.roll.ms" is a setting of the bus: on a topic use "segment.ms"'],
  ])('refuses %s = %j', (key, value, message) => expect(parse(key, value)).toBe(message));

  test('refuses what is no text', () => {
    const parsed = parseTopicConfigs({ 'retention.ms': 5 as unknown as string }, bus());
    expect(parsed.message).toBe('"retention.ms" must be given as text, not as number');
  });

  test('keeps values up to their bound in length', () => {
    const long = 'r'.repeat(limits.configValueMax);
    expect(parse('follower.replication.throttled.replicas', long)).toBe(long);
    expect(parse('follower.replication.throttled.replicas', `${long}r`)).toMatch(/at most 32768 are kept/);
  });

  test('a batch may not be larger than a quarter of the memory', () => {
    const small = bus({}, { memoryBytesMax: 16 * 2 ** 20 });
    expect(parse('max.message.bytes', String(4 * 2 ** 20), small)).toBe(String(4 * 2 ** 20));
    expect(parse('max.message.bytes', String(4 * 2 ** 20 + 1), small)).toMatch(/lower it, or raise memoryBytesMax/);
    // A topic made when there was more memory is held to what there is now.
    expect(toLogConfig({ 'max.message.bytes': String(2 ** 26) }, small).batchBytesMax).toBe(4 * 2 ** 20);
  });
});

describe('settings of the bus', () => {
  test('are parsed by the rows that they set', () => {
    const parsed = bus({ 'num.partitions': '6', 'auto.create.topics.enable': 'false', 'log.retention.ms': '-1' });
    expect(parsed).toMatchObject({ partitions: 6, autoCreate: false });
    expect(bus()).toMatchObject({ partitions: 1, autoCreate: true });
  });

  test.each([
    [{ 'retention.ms': '1' }, '"retention.ms" is a setting of a topic: for the whole bus use "log.retention.ms"'],
    [{ 'log.retention.hours': '1' }, '"log.retention.hours" is no setting of the bus; did you mean "log.retention.bytes"?'],
    [{ 'num.partitions': '0' }, '"num.partitions" is 0, but must lie between 1 and 10000'],
    [{ 'log.cleaner.min.compaction.lag.ms': '5', 'log.cleaner.max.compaction.lag.ms': '4' }, /may not exceed/],
  ])('refuses %j', (defaults, message) => {
    const parsed = parseBusConfigs(defaults as Configs, { folder: true, memoryBytesMax: 2 ** 28 });
    expect(parsed.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
  });

  test('durability without a folder', () => {
    const memory = bus({}, { folder: false });
    expect(resolveConfig({}, 'durability', memory)).toEqual({ value: 'memory', source: 'default' });
    expect(parse('durability', 'memory', memory)).toBe('memory');
    expect(parse('durability', 'synced', memory)).toMatch(/cannot be "synced" on a bus without a folder/);
    const refused = parseBusConfigs({ 'log.durability': 'written' }, { folder: false, memoryBytesMax: 2 ** 28 });
    expect(refused.message).toMatch(/cannot be "written" on a bus without a folder/);
  });
});

describe('changing', () => {
  const change = (current: Configs, ...ops: [string, 'set' | 'delete' | 'append' | 'subtract', string][]) => {
    const changed = applyConfigOps(
      current,
      ops.map(([key, op, value]) => ({ key, op, value })),
      bus({ 'log.cleanup.policy': 'compact' }),
    );
    return changed.message ?? changed.ok;
  };

  test('lists grow and shrink from the value that counts, wherever it comes from', () => {
    expect(change({}, ['cleanup.policy', 'append', 'delete'])).toEqual({ 'cleanup.policy': 'compact,delete' });
    expect(change({}, ['cleanup.policy', 'append', 'compact'])).toEqual({ 'cleanup.policy': 'compact' });
    expect(change({ 'cleanup.policy': 'compact,delete' }, ['cleanup.policy', 'subtract', 'compact'])).toEqual({
      'cleanup.policy': 'delete',
    });
    expect(change({}, ['retention.ms', 'append', '1'])).toBe('"retention.ms" is no list: use set instead of append');
  });

  test('a refusal changes nothing of what was given', () => {
    const current = { 'retention.ms': '1' };
    expect(change(current, ['retention.ms', 'set', '2'], ['segment.ms', 'set', 'x'])).toMatch(/whole number/);
    expect(current).toEqual({ 'retention.ms': '1' });
  });

  test('deleting what is not set is no error', () => expect(change({}, ['retention.ms', 'delete', ''])).toEqual({}));
});

test('a log is told numbers, resolved from topic, bus and default', () => {
  const on = bus({ 'log.segment.bytes': '4096', 'log.retention.ms': '5' });
  expect(toLogConfig({ 'retention.ms': '7', 'message.timestamp.type': 'LogAppendTime', 'cleanup.policy': 'compact' }, on)).toEqual({
    durability: 'synced',
    segmentBytes: 4096,
    segmentMs: 604_800_000,
    retentionMs: 7,
    retentionBytes: -1,
    indexIntervalBytes: 4096,
    batchBytesMax: 1_048_588,
    logAppendTime: true,
    timestampBeforeMaxMs: 2 ** 63,
    timestampAfterMaxMs: 3_600_000,
    cleanupDelete: false,
    cleanupCompact: true,
  });
});

test('a description says where each value comes from and what does not act yet', () => {
  const entries = new Map(describeConfigs({ 'retention.ms': '7' }, bus({ 'log.roll.ms': '9' })).map((entry) => [entry.key, entry]));
  expect(entries.get('retention.ms')).toMatchObject({ value: '7', source: 'topic', type: 'long', readOnly: false });
  expect(entries.get('segment.ms')).toMatchObject({ value: '9', source: 'bus' });
  expect(entries.get('preallocate')).toMatchObject({
    value: 'false',
    source: 'default',
    documentation: expect.stringMatching(/^\(Stored only\.\)/),
  });
});
