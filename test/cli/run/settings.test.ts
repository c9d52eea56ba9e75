/** Settings of `run`: which source counts, what each means, and refusals that name the setting and where it was set. */
import { describe, expect, test } from 'vitest';
import { limits } from '../../../src/base/limits.ts';
import { checkBusOptions } from '../../../src/bus/options.ts';
import { NotFoundError, UsageError } from '../../../src/cli/exit.ts';
import { fromEnvironment, fromFile, type Given, type RunSettings, resolveSettings } from '../../../src/cli/run/settings.ts';
import { configVariable, settingNames, settings, variableOf } from '../../../src/cli/run/table.ts';
import { MemoryDisk } from '../../../src/world/memory-disk.ts';

type Pairs = Record<string, string>;

const given = (pairs: Pairs, from: string): Given[] => Object.entries(pairs).map(([name, value]) => ({ name, value, from }));

function resolve({ file = {}, environment = {}, flags = {} }: { file?: Pairs; environment?: Pairs; flags?: Pairs }): RunSettings {
  return resolveSettings({
    file: given(file, 'f.properties, line 1'),
    environment: fromEnvironment(environment),
    flags: given(flags, '--set'),
  });
}

function refusal(sources: Parameters<typeof resolve>[0]): string {
  try {
    resolve(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

function diskWith(path: string, bytes: Buffer): MemoryDisk {
  const disk = new MemoryDisk();
  const file = disk.open(path, 'create');
  file.write([bytes], 0);
  file.close();
  return disk;
}

describe('sources', () => {
  test('nothing set: the defaults', () => {
    expect(resolve({})).toEqual({
      bus: { dir: 'spillway-data', logLevel: 'info', memoryBytesMax: limits.brokerMemoryBytesDefault, configs: {} },
      listen: {},
      close: { deadlineMs: 30_000 },
    });
  });

  test('the environment counts over the file, the command line over both', () => {
    const { listen, bus } = resolve({
      file: { host: 'file', port: '1', 'num.partitions': '1', 'log.dirs': 'file' },
      environment: { SPILLWAY_PORT: '2', SPILLWAY_NUM_PARTITIONS: '2' },
      flags: { 'num.partitions': '3' },
    });
    expect([listen, bus.dir, bus.configs]).toEqual([{ host: 'file', port: 2 }, 'file', { 'num.partitions': '3' }]);
  });

  test('every setting reaches its option', () => {
    const { bus, listen, close } = resolve({
      flags: {
        'log.dirs': 'd',
        path: '/tmp/s',
        'advertised.host': 'h',
        'advertised.port': '7',
        'max.connections': '5',
        'connections.max.idle.ms': '6',
        'memory.bytes.max': '64MiB',
        'rss.bytes.max': '1GiB',
        hosts: '2',
        'log.retention.check.interval.ms': '8',
        'producer.id.expiration.ms': '9',
        'log.level': 'debug',
        'close.deadline.ms': '10',
        'auto.create.topics.enable': 'FALSE',
        'log.retention.ms': '11',
      },
    });
    expect({ bus, listen, close }).toEqual({
      bus: {
        dir: 'd',
        memoryBytesMax: 67_108_864,
        rssBytesMax: 1_073_741_824,
        hosts: 2,
        retentionCheckMs: 8,
        producerIdExpirationMs: 9,
        logLevel: 'debug',
        configs: { 'auto.create.topics.enable': 'FALSE', 'log.retention.ms': '11' },
      },
      listen: { path: '/tmp/s', advertisedHost: 'h', advertisedPort: 7, connectionsMax: 5, idleMs: 6 },
      close: { deadlineMs: 10 },
    });
    expect(checkBusOptions(bus).hosts).toBe(2);
  });

  test('a file, by lines', () => {
    const disk = diskWith('/f', Buffer.from('# mine\nport=1\n\nhost=h\n'));
    expect(fromFile(disk, '/f', '--config')).toEqual([
      { name: 'port', value: '1', from: '/f, line 2' },
      { name: 'host', value: 'h', from: '/f, line 4' },
    ]);
    expect(() => fromFile(disk, '/g', '--config')).toThrow(new NotFoundError('there is no file "/g", which --config names'));
  });

  test('a file of the largest size is read, one of a byte more is not', () => {
    const largest = Buffer.alloc(limits.configFileBytesMax, '#');
    expect(fromFile(diskWith('/f', largest), '/f', '--config')).toEqual([]);
    const larger = diskWith('/f', Buffer.alloc(limits.configFileBytesMax + 1, '#'));
    expect(() => fromFile(larger, '/f', '--config')).toThrow(/has 1048577 bytes; a file of settings has at most 1048576/);
  });

  test('variables that are not ours are let be; each name has its own', () => {
    expect(fromEnvironment({ PATH: 'x', [configVariable]: 'f', SPILLWAY_BOOTSTRAP: 'a:1', SPILLWAY_HOST: undefined })).toEqual([]);
    const names = settingNames();
    expect(new Set([configVariable, ...names.map(variableOf)]).size).toBe(names.length + 1);
    expect(Object.keys(settings).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('names of Kafka’s that mean others', () => {
  test.each([
    ['PLAINTEXT://0.0.0.0:9092', { host: '0.0.0.0', port: 9092 }],
    ['plaintext://bus.example.com:0', { host: 'bus.example.com', port: 0 }],
    ['PLAINTEXT://[::1]:9092', { host: '::1', port: 9092 }],
    ['PLAINTEXT://:9092', { host: '0.0.0.0', port: 9092 }],
  ])('listeners=%s', (value, listen) => {
    expect(resolve({ file: { listeners: value } }).listen).toEqual(listen);
  });

  test('listeners of the file, its port from the environment', () => {
    const { listen } = resolve({
      file: { listeners: 'PLAINTEXT://h:1', 'advertised.listeners': 'PLAINTEXT://a:2' },
      environment: { SPILLWAY_PORT: '0' },
    });
    expect(listen).toEqual({ host: 'h', port: 0, advertisedHost: 'a', advertisedPort: 2 });
  });

  test('of units of time the finest in a source counts, and the stronger source over it', () => {
    const ms = (sources: Parameters<typeof resolve>[0]) => resolve(sources).bus.configs?.['log.retention.ms'];
    expect(ms({ file: { 'log.retention.hours': '2' } })).toBe('7200000');
    expect(ms({ file: { 'log.retention.hours': '-1' } })).toBe('-1');
    expect(ms({ file: { 'log.retention.hours': '2', 'log.retention.minutes': '1' } })).toBe('60000');
    expect(ms({ file: { 'log.retention.hours': '2', 'log.retention.minutes': '1', 'log.retention.ms': '5' } })).toBe('5');
    expect(ms({ file: { 'log.retention.ms': '5' }, environment: { SPILLWAY_LOG_RETENTION_HOURS: '1' } })).toBe('3600000');
    expect(resolve({ file: { 'log.roll.hours': '1' } }).bus.configs).toEqual({ 'log.roll.ms': '3600000' });
  });

  test('a way to listen in a stronger source replaces the other way', () => {
    expect(resolve({ file: { host: 'h', port: '1' }, flags: { path: '/s' } }).listen).toEqual({ path: '/s' });
    expect(resolve({ file: { path: '/s' }, environment: { SPILLWAY_PORT: '1' } }).listen).toEqual({ port: 1 });
  });
});

describe('refusals', () => {
  const at = 'f.properties, line 1: ';
  test.each<[Pairs, string]>([
    [{ port: 'x' }, `${at}"port" is a whole number from 0 to 65535, not "x"`],
    [{ port: '65536' }, `${at}"port" is a whole number from 0 to 65535, not 65536`],
    [{ port: '' }, `${at}"port" is a whole number from 0 to 65535, not ""`],
    [{ host: '' }, `${at}"host" is text that is not empty, not ""`],
    [{ 'log.dirs': '/a,/b' }, `${at}"log.dirs" names several folders; a bus has one`],
    [{ 'log.dirs': '' }, `${at}"log.dirs" is empty; it is the path of a folder`],
    [{ 'memory.bytes.max': 'much' }, `${at}"memory.bytes.max" is a size such as 268435456, 256MiB or 1GiB, not "much"`],
    [{ 'memory.bytes.max': '1MiB' }, `${at}"memory.bytes.max" is a whole number from 16777216 to 68719476736, not 1048576`],
    [{ 'rss.bytes.max': '1' }, `${at}"rss.bytes.max" is a whole number from 67108864 to ${Number.MAX_SAFE_INTEGER}, not 1`],
    [{ 'log.level': 'loud' }, `${at}"log.level" is one of "silent", "error", "warn", "info", "debug", not "loud"`],
    [{ 'num.partitions': '0' }, `${at}"num.partitions" is 0, but must lie between 1 and 10000`],
    [{ 'auto.create.topics.enable': 'yes' }, `${at}"auto.create.topics.enable" must be "true" or "false", not "yes"`],
    [{ 'num.partitons': '1' }, `${at}there is no setting "num.partitons"; did you mean "num.partitions"?`],
    [{ 'zookeeper.connect': 'x' }, `${at}there is no setting "zookeeper.connect"; docs/configuration.md lists what there is`],
    [{ 'retention.ms': '1' }, `${at}"retention.ms" is a setting of a topic: for the whole bus use "log.retention.ms"`],
    [{ listeners: 'h:1' }, `${at}"listeners" takes PLAINTEXT://HOST:PORT, not "h:1"`],
    [{ listeners: 'SSL://h:1' }, `${at}"listeners" asks for SSL; only PLAINTEXT is spoken`],
    [
      { listeners: 'PLAINTEXT://h:1,PLAINTEXT://g:2' },
      `${at}"listeners" names several addresses; there is one listener: PLAINTEXT://HOST:PORT`,
    ],
    [{ listeners: 'PLAINTEXT://h:99999' }, `${at}"listeners": "port" is a whole number from 0 to 65535, not 99999`],
    [{ 'advertised.listeners': 'PLAINTEXT://:1' }, `${at}"advertised.listeners" names no host that clients could connect to`],
    [{ 'log.retention.hours': 'day' }, `${at}"log.retention.hours" is a whole number of hours, not "day"`],
    [{ listeners: 'PLAINTEXT://h:1', port: '1' }, `${at}"listeners" says what "port" says too (f.properties, line 1); set one of them`],
    [{ path: '/s', port: '1' }, `${at}"path" listens on a Unix socket, "port" (f.properties, line 1) on a port; set one of them`],
    [
      { 'log.cleaner.min.compaction.lag.ms': '9', 'log.cleaner.max.compaction.lag.ms': '8' },
      `${at.slice(0, -2)}; ${at}"min.compaction.lag.ms" is 9 and may not exceed "max.compaction.lag.ms", which is 8`,
    ],
  ])('%j', (file, message) => {
    expect(refusal({ file })).toBe(message);
  });

  test('what memory allows is held to', () => {
    const message = refusal({ file: { 'message.max.bytes': '10000000' }, flags: { 'memory.bytes.max': '16MiB' } });
    expect(message).toMatch(/^f\.properties, line 1: "message\.max\.bytes" is 10000000, but this bus can hold batches of at most 4194304/);
  });

  test('of the environment, by its variable', () => {
    expect(refusal({ environment: { SPILLWAY_PORT: 'tcp://10.0.0.1:9092' } })).toBe(
      'environment SPILLWAY_PORT: "port" is a whole number from 0 to 65535, not "tcp://10.0.0.1:9092"',
    );
    expect(refusal({ environment: { SPILLWAY_NUM_PARTITONS: '1' } })).toBe(
      'environment SPILLWAY_NUM_PARTITONS: there is no setting of this name; did you mean "SPILLWAY_NUM_PARTITIONS"?',
    );
  });

  test('one setting twice in one source', () => {
    const file = ['line 1', 'line 5'].map((from) => ({ name: 'port', value: '1', from }));
    expect(() => resolveSettings({ file, environment: [], flags: [] })).toThrow(
      new UsageError('line 5: "port" is set already (line 1); set it once', 'run'),
    );
  });

  test('all at once', () => {
    expect(refusal({ file: { port: 'x', hosts: '0' }, flags: { nonsense: '1' } }).split('\n')).toHaveLength(3);
  });
});
