/** Kafka's own command-line tools, unmodified: what they do to a broker, and what they then print. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onBrokers } from './brokers.ts';
import { javaSkipReason, kafkaVersion } from './java.ts';
import { Jvm } from './jvm.ts';
import { type Tool, Tools } from './kafka-tools.ts';

/** Eight tools may run at a time, on a machine that does other things too. */
const patient = { timeout: 100_000 };

let jvm: Jvm;
beforeAll(() => {
  if (javaSkipReason === null) jvm = Jvm.start();
}, 300_000);
afterAll(() => jvm?.close());

/** The words of each line, without empty lines. */
function wordsOf(out: string): string[][] {
  return out
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[0] !== '');
}

/** The lines of JSON that the verifiable tools print, without their times. */
function eventsOf(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { timestamp, avg_throughput, ...event } = JSON.parse(line) as Record<string, unknown>;
      return event;
    });
}

// Cases run side by side: one that polls has an `expect` of its own.
onBrokers(`Kafka's tools ${kafkaVersion}`, { skip: javaSkipReason, sideBySide: true }, (broker) => {
  const run = (tool: Tool, line: string, stdin = '') => new Tools(jvm, broker).run(tool, line, stdin);
  const start = (tool: Tool, line: string) => new Tools(jvm, broker).start(tool, line);
  /** How a tool that fails ends: its exit code, and what of its words `pattern` finds. */
  const fails = async (tool: Tool, line: string, pattern: RegExp) => {
    const { code, out, err } = await new Tools(jvm, broker).fails(tool, line);
    return { code, said: pattern.exec(`${out}\n${err}`)?.[0] ?? `${out}\n${err}` };
  };

  test('topics: create, describe, alter, list, delete', async ({ expect }) => {
    const created = await run(
      'topics',
      '--create --topic plan --partitions 2 --config retention.ms=100000 --config cleanup.policy=compact',
    );
    expect(created.trim()).toBe('Created topic plan.');
    expect(await run('topics', '--create --topic placed --replica-assignment 1,1')).toContain('Created topic placed.');
    expect(await run('topics', '--create --if-not-exists --topic plan --partitions 9')).toBe('');
    const described = await run('topics', '--describe --topic plan');
    expect(described).toMatch(/^Topic: plan\tTopicId: [\w-]{22}\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: .*retention\.ms=100000/);
    expect(described).toContain('cleanup.policy=compact');
    const rowOf = (partition: number) => `\tTopic: plan\tPartition: ${partition}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: `;
    expect(described.trimEnd().split('\n').slice(1)).toEqual([rowOf(0), rowOf(1)].map((row) => expect.stringContaining(row.trimEnd())));
    expect(await run('topics', '--alter --topic plan --partitions 3')).toBe('');
    expect(await run('topics', '--describe --topic plan')).toContain('PartitionCount: 3');
    expect(await run('topics', '--describe --under-replicated-partitions')).toBe('');
    // Other cases run at the same time, with topics of their own.
    const listed = async () => wordsOf(await run('topics', '--list')).filter(([name]) => name.startsWith('pla'));
    expect(await listed()).toEqual([['placed'], ['plan']]);
    expect(await run('topics', '--delete --topic plan')).toBe('');
    await expect.poll(listed, patient).toEqual([['placed']]);
  });

  test('topics: what cannot be is refused', async () => {
    await run('topics', '--create --topic there --partitions 2');
    const refused = async (line: string, pattern: RegExp) => (await fails('topics', line, pattern)).said;
    expect(await refused('--create --topic there', /exists already|already exists/)).toMatch(/exist/);
    expect(await refused('--create --topic twice --replication-factor 2', /replica/i)).toMatch(/replica/i);
    expect(await refused('--create --topic bad/name', /name is|topic’s name/)).toMatch(/name/);
    expect(await refused('--alter --topic there --partitions 1', /increase|only get more/)).toMatch(/increase|more/);
    expect(await fails('topics', '--describe --topic nope', /Topic .*$/m)).toEqual({
      code: 1,
      said: "Topic 'nope' does not exist as expected",
    });
    expect(wordsOf(await run('topics', '--list')).flat()).not.toContain('twice');
  });

  test('configs: of topics', async () => {
    await run('topics', '--create --topic configured');
    const alter = (line: string) => run('configs', `--alter --entity-type topics --entity-name configured ${line}`);
    const describe = (line = '') => run('configs', `--describe --entity-type topics --entity-name configured ${line}`.trim());
    expect(await alter('--add-config index.interval.bytes=1024,segment.bytes=1048576')).toContain('Completed updating config');
    expect(await describe()).toBe(
      [
        'Dynamic configs for topic configured are:',
        '  index.interval.bytes=1024 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:index.interval.bytes=1024, DEFAULT_CONFIG:log.index.interval.bytes=4096}',
        '  segment.bytes=1048576 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.bytes=1048576, DEFAULT_CONFIG:log.segment.bytes=1073741824}',
        '',
      ].join('\n'),
    );
    await alter('--add-config retention.ms=7');
    await alter('--delete-config retention.ms');
    await alter('--add-config cleanup.policy=[compact,delete]');
    const all = await describe('--all');
    expect(all).toContain('  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, ');
    expect(all).toContain('  retention.ms=604800000 sensitive=false');
    expect(all).toContain('  max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}\n');
    const refused = (line: string, pattern: RegExp) =>
      fails('configs', `--alter --entity-type topics --entity-name configured --add-config ${line}`, pattern);
    const invalid = { code: 1, said: expect.stringContaining('InvalidConfigurationException') };
    expect(await refused('nonsense=1', /\w+Exception: .*nonsense.*/)).toEqual(invalid);
    expect(await refused('retention.ms=abc', /InvalidConfigurationException: .*abc.*/)).toEqual(invalid);
    expect(await refused('cleanup.policy=never', /InvalidConfigurationException: .*never.*/)).toEqual(invalid);
    const nowhere = await fails(
      'configs',
      '--alter --entity-type topics --entity-name nowhere --add-config retention.ms=1',
      /UnknownTopic\w+/,
    );
    expect(nowhere).toEqual({ code: 1, said: 'UnknownTopicOrPartitionException' });
  });

  test('configs: quotas of clients', async () => {
    const alter = (line: string) => run('configs', `--alter --entity-type clients ${line}`);
    const describe = async (line = '') => (await run('configs', `--describe --entity-type clients ${line}`.trim())).trimEnd();
    await alter('--entity-name c1 --add-config producer_byte_rate=100000,consumer_byte_rate=200000');
    await alter('--entity-default --add-config producer_byte_rate=1000000');
    const ofC1 = "Quota configs for client-id 'c1' are consumer_byte_rate=200000.0, producer_byte_rate=100000.0";
    const ofAll = 'Quota configs for the default client-id are producer_byte_rate=1000000.0';
    expect(await describe('--entity-name c1')).toBe(ofC1);
    expect(await describe('--entity-default')).toBe(ofAll);
    expect((await describe()).split('\n').sort()).toEqual([ofC1, ofAll]);
    await alter('--entity-name c1 --delete-config producer_byte_rate');
    expect(await describe('--entity-name c1')).toBe("Quota configs for client-id 'c1' are consumer_byte_rate=200000.0");
    await alter('--entity-name c1 --delete-config consumer_byte_rate');
    await alter('--entity-default --delete-config producer_byte_rate');
    expect(await describe()).toBe('');
    const share = '--alter --entity-type clients --entity-name c1 --add-config request_percentage=10';
    if (broker.differs('quotas-by-client')) expect((await fails('configs', share, /"request_percentage" is no quota/)).code).toBe(1);
    else expect(await run('configs', share)).toContain('Completed');
  });

  test('configs: of the broker and of groups', async ({ expect }) => {
    const ofBroker = await run('configs', '--describe --all --entity-type brokers --entity-name 1');
    expect(ofBroker).toMatch(/^ {2}num\.partitions=1 sensitive=false synonyms=\{.*DEFAULT_CONFIG:num\.partitions=1\}$/m);
    expect(ofBroker).toMatch(
      /^ {2}group\.min\.session\.timeout\.ms=500 sensitive=false synonyms=\{STATIC_BROKER_CONFIG:[^=]*=500, DEFAULT_CONFIG:/m,
    );
    expect(await run('configs', '--describe --entity-type brokers --entity-name 1')).toBe('Dynamic configs for broker 1 are:\n');
    const alter = '--alter --entity-type brokers --entity-name 1 --add-config log.cleaner.threads=2';
    if (broker.differs('no-configs-of-brokers'))
      expect((await fails('configs', alter, /only topics and groups can be configured/)).code).toBe(1);
    else expect(await run('configs', alter)).toContain('Completed updating config for broker 1.');
    expect(await run('configs', '--describe --entity-type groups --entity-name g')).toContain("The group 'g' doesn't exist");
    const session = 'consumer.session.timeout.ms=50000';
    expect(await run('configs', `--alter --entity-type groups --entity-name g --add-config ${session}`)).toBe(
      'Completed updating config for group g.\n',
    );
    const ofGroup = async (line: string) => run('configs', `--describe --entity-type groups ${line}`);
    await expect.poll(() => ofGroup(''), patient).toContain(`Dynamic configs for group g are:\n  ${session}`);
    expect(await ofGroup('--entity-name g --all')).toMatch(/ {2}consumer\.heartbeat\.interval\.ms=300 sensitive=false/);
    expect(await run('configs', '--describe --entity-type client-metrics')).toBe('');
  });

  test('console producer and consumer: keys, headers, codecs, null values', async () => {
    await run('topics', '--create --topic console --partitions 3');
    const properties =
      'parse.key=true parse.headers=true headers.delimiter=| headers.separator=; headers.key.separator=: key.separator== null.marker=~';
    const flags = properties.split(' ').map((property) => `--property ${property}`);
    const lines = ['h1:v1;h2:v2|k1=v1', 'x:|k2=', 'y:~|k3=~'];
    await run('console-producer', `--topic console ${flags.join(' ')}`, `${lines.join('\n')}\n`);
    const printed = 'print.key=true print.headers=true print.offset=true print.partition=true null.literal=NULL'.split(' ');
    const consume = (line: string) =>
      run('console-consumer', `--topic console ${line} --timeout-ms 20000 ${printed.map((one) => `--property ${one}`).join(' ')}`);
    const expected = [
      'Partition:0\tOffset:0\tx:\tk2\t',
      'Partition:1\tOffset:0\ty:NULL\tk3\tNULL',
      'Partition:2\tOffset:0\th1:v1,h2:v2\tk1\tv1',
    ];
    expect((await consume('--from-beginning --max-messages 3')).split('\n').filter(Boolean).sort()).toEqual(expected);
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
      const keyed = '--property parse.key=true --property key.separator==';
      await run('console-producer', `--topic console --compression-codec ${codec} ${keyed}`, `k1=${codec}\n`);
    }
    expect((await consume('--partition 2 --offset 1 --max-messages 4')).trimEnd().split('\n')).toEqual(
      ['gzip', 'snappy', 'lz4', 'zstd'].map((codec, i) => `Partition:2\tOffset:${i + 1}\tNO_HEADERS\tk1\t${codec}`),
    );
  });

  test('verifiable producer and consumers of both protocols', async () => {
    await run('topics', '--create --topic verified --partitions 1');
    const produced = eventsOf(await run('verifiable-producer', '--topic verified --max-messages 3 --value-prefix 7'));
    const success = { name: 'producer_send_success', key: null, topic: 'verified', partition: 0 };
    const sent = [0, 1, 2].map((offset) => ({ ...success, value: `7.${offset}`, offset }));
    const [told] = produced.splice(-1);
    expect(produced).toEqual([{ name: 'startup_complete' }, ...sent, { name: 'shutdown_complete' }]);
    expect(told).toMatchObject({ name: 'tool_data', sent: 3, acked: 3 });
    const protocols = ['classic', 'consumer'];
    const consumed = await Promise.all(
      protocols.map((protocol) =>
        run(
          'verifiable-consumer',
          `--topic verified --group-id verified-${protocol} --group-protocol ${protocol} --max-messages 3 --reset-policy earliest --verbose`,
        ),
      ),
    );
    const partitions = [{ topic: 'verified', partition: 0 }];
    for (const events of consumed.map(eventsOf)) {
      expect(events.filter(({ name }) => name === 'record_data').map(({ value, offset }) => [value, offset])).toEqual([
        ['7.0', 0],
        ['7.1', 1],
        ['7.2', 2],
      ]);
      expect(events).toContainEqual({ name: 'partitions_assigned', partitions });
      expect(events).toContainEqual({ name: 'offsets_committed', offsets: [{ ...partitions[0], offset: 3 }], success: true });
      expect(events.slice(-2)).toEqual([{ name: 'partitions_revoked', partitions }, { name: 'shutdown_complete' }]);
    }
  });

  test('consumer groups: a living one, its members, its lag; then reset, deleted', async ({ expect }) => {
    await run('topics', '--create --topic grouped --partitions 2');
    const keyed = '--property parse.key=true --property key.separator==';
    await run('console-producer', `--topic grouped ${keyed}`, 'k1=a\nk1=b\nk2=c\nk3=d\nk4=e\nk5=f\n');
    const offsets = wordsOf(await run('get-offsets', '--topic grouped')).map(([row]) => Number(row.split(':')[2]));
    const flags = (group: string, protocol: string) =>
      `--topic grouped --group-id ${group} --group-protocol ${protocol} --reset-policy earliest`;
    const living = [start('verifiable-consumer', flags('living', 'classic')), start('verifiable-consumer', flags('modern', 'consumer'))];
    const lags = async (group: string) =>
      wordsOf(await run('consumer-groups', `--describe --group ${group}`))
        .slice(1)
        .map((words) => words[5]);
    for (const group of ['living', 'modern']) await expect.poll(() => lags(group), patient).toEqual(['0', '0']);
    const states = wordsOf(await run('consumer-groups', '--list --state')).slice(1);
    expect(states).toContainEqual(['living', 'Stable']);
    expect(states).toContainEqual(['modern', 'Stable']);
    const types = wordsOf(await run('consumer-groups', '--list --type')).slice(1);
    expect(types).toContainEqual(['living', 'Classic']);
    expect(types).toContainEqual(['modern', 'Consumer']);
    expect(wordsOf(await run('groups', '--list --group-type classic')).slice(1)).toContainEqual(['living', 'Classic', 'consumer']);
    for (const group of ['living', 'modern']) {
      const rows = wordsOf(await run('consumer-groups', `--describe --group ${group}`)).slice(1);
      const row = (partition: number) => {
        const { length, [partition]: end } = offsets;
        expect(length).toBe(2);
        return [group, 'grouped', `${partition}`, `${end}`, `${end}`, '0', expect.any(String), '/127.0.0.1', expect.any(String)];
      };
      expect(rows.sort((a, b) => Number(a[2]) - Number(b[2]))).toEqual([row(0), row(1)]);
      const [, member] = wordsOf(await run('consumer-groups', `--describe --group ${group} --members`));
      expect(member.slice(-1)).toEqual(['2']);
      const [, state] = wordsOf(await run('consumer-groups', `--describe --group ${group} --state`));
      expect(state.slice(-3)).toEqual([group === 'living' ? 'range' : 'uniform', 'Stable', '1']);
    }
    const full = await fails('consumer-groups', '--delete --group living', /GroupNotEmptyException/);
    expect(full.said).toBe('GroupNotEmptyException');
    await Promise.all(living.map((one) => one.stop()));
    expect(wordsOf(await run('consumer-groups', '--list --state')).slice(1)).toContainEqual(['modern', 'Empty']);
    expect(await run('consumer-groups', '--reset-offsets --group living --topic grouped --to-earliest --dry-run')).toContain('NEW-OFFSET');
    const reset = async (line: string) =>
      wordsOf(await run('consumer-groups', `--reset-offsets ${line} --execute`))
        .slice(1)
        .map((words) => words.slice(-2).map(Number))
        .sort();
    expect(await reset('--group living --topic grouped --to-earliest')).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(await reset('--group modern --topic grouped:0 --shift-by -1')).toEqual([[0, offsets[0] - 1]]);
    expect(await reset('--group fresh --topic grouped --to-latest')).toEqual([
      [0, offsets[0]],
      [1, offsets[1]],
    ]);
    expect(wordsOf(await run('consumer-groups', '--delete-offsets --group living --topic grouped:1')).at(-1)).toEqual([
      'grouped',
      '1',
      'Successful',
    ]);
    const [, ...left] = wordsOf(await run('consumer-groups', '--describe --group living'));
    expect(left.map((words) => words.slice(1, 6))).toEqual([['grouped', '0', '0', `${offsets[0]}`, `${offsets[0]}`]]);
    expect(await run('consumer-groups', '--delete --group fresh')).toContain(
      "Deletion of requested consumer groups ('fresh') was successful.",
    );
    expect((await run('consumer-groups', '--delete --group nowhere')).replace(/.*(?=GroupId)/s, '').trim()).toBe(
      'GroupIdNotFoundException: The group id does not exist.',
    );
    expect((await fails('consumer-groups', '--describe --group nowhere', /GroupIdNotFoundException/)).said).toBe(
      'GroupIdNotFoundException',
    );
  });

  test('offsets of every kind, records that are deleted, the folders', async () => {
    await run('topics', '--create --topic measured --partitions 1');
    await run('console-producer', '--topic measured', '1\n2\n3\n4\n');
    const at = async (line: string) => (await run('get-offsets', `--topic measured ${line}`.trim())).trim();
    expect(await at('')).toBe('measured:0:4');
    expect(await at('--time earliest')).toBe('measured:0:0');
    expect(await at('--time earliest-local')).toBe('measured:0:0');
    expect(await at('--time latest-tiered')).toBe('');
    expect(await at('--time 1')).toBe('measured:0:0');
    expect(await at(`--time ${Date.now() + 3_600_000}`)).toBe('');
    const [, , offset] = (await at('--time max-timestamp')).split(':').map(Number);
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(offset).toBeLessThan(4);
    expect(await run('get-offsets', '--topic-partitions measured:0-3')).toBe('measured:0:4\n');
    const before = JSON.stringify({ partitions: [{ topic: 'measured', partition: 0, offset: 3 }], version: 1 });
    expect(await run('delete-records', `--offset-json-file ${jsonFile(before)}`)).toContain('partition: measured-0\tlow_watermark: 3');
    expect(await at('--time earliest')).toBe('measured:0:3');
    const dirs = /\{.*\}/.exec(await run('log-dirs', '--describe --topic-list measured'))?.[0] ?? '';
    const [{ broker: id, logDirs }] = (JSON.parse(dirs) as Dirs).brokers;
    expect(id).toBe(1);
    expect(logDirs).toEqual([
      {
        partitions: [{ partition: 'measured-0', size: expect.any(Number), offsetLag: 0, isFuture: false }],
        error: null,
        logDir: expect.any(String),
      },
    ]);
    expect(logDirs[0].partitions[0].size).toBeGreaterThan(4 * 7);
  });

  test('the cluster: id, endpoints, versions, leaders, what does not move', async () => {
    expect(await run('cluster', 'cluster-id')).toMatch(/^Cluster ID: [\w-]{22}\n$/);
    expect(wordsOf(await run('cluster', 'list-endpoints'))[1]).toEqual(['1', broker.host, `${broker.port}`, 'null', 'unfenced', 'broker']);
    const versions = await run('broker-api-versions', '');
    expect(versions).toContain(`${broker.bootstrap} (id: 1 rack: null isFenced: false) -> (`);
    expect(versions).toContain('Produce(0): 0 to 13 [usable: 13]');
    expect(versions).toContain('ConsumerGroupHeartbeat(68): 0 to 1 [usable: 1]');
    expect(versions).toContain('GetTelemetrySubscriptions(71): UNSUPPORTED');
    await run('topics', '--create --topic led --partitions 1');
    expect(await run('leader-election', '--election-type preferred --all-topic-partitions')).toBe('');
    expect(await run('leader-election', '--election-type preferred --topic led --partition 0')).toMatch(/led-0/);
    expect(
      (await fails('leader-election', '--election-type preferred --topic led --partition 7', /UnknownTopicOrPartitionException/)).code,
    ).toBe(1);
    expect(await run('reassign-partitions', '--list')).toBe('No partition reassignments found.\n');
    const quorum = 'describe --status';
    if (broker.differs('no-quorum'))
      expect((await fails('metadata-quorum', quorum, /does not support DESCRIBE_QUORUM/)).said).toMatch(/QUORUM/);
    else expect(await run('metadata-quorum', quorum)).toMatch(/LeaderId: +1/);
    expect(await run('features', 'describe')).toMatch(broker.differs('no-features') ? /^$/ : /group\.version/);
  });

  test('performance tools, and the producers that they leave', async () => {
    await run('topics', '--create --topic quick --partitions 1');
    expect(await run('producer-perf-test', '--topic quick --num-records 2000 --record-size 100 --throughput -1')).toMatch(
      /^2000 records sent, /m,
    );
    const consumed = await run('consumer-perf-test', '--topic quick --messages 2000 --timeout 20000');
    const [, rates] = consumed.split('\n').map((line) => line.split(', '));
    expect(rates.slice(2, 5).map(Number)).toEqual([expect.closeTo(0.19, 2), expect.any(Number), 2000]);
    const producers = wordsOf(await run('transactions', 'describe-producers --topic quick --partition 0'));
    expect(producers.slice(1)).toEqual([[expect.any(String), '0', '-1', expect.any(String), expect.any(String), 'None']]);
    expect(Number(producers[1][3])).toBeLessThan(2000);
    expect(wordsOf(await run('transactions', 'list'))).toHaveLength(1);
    expect(wordsOf(await run('transactions', 'find-hanging --broker-id 1'))).toHaveLength(1);
    expect(await run('e2e-latency', 'quick 20 all 64')).toMatch(/^Avg latency: \d+\.\d+ ms$/m);
  });
});

interface Dirs {
  brokers: { broker: number; logDirs: { partitions: { partition: string; size: number }[] }[] }[];
}

const folder = mkdtempSync(join(tmpdir(), 'spillway-tools-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file with that text, for tools that read no input. */
function jsonFile(text: string): string {
  const path = join(folder, 'input.json');
  writeFileSync(path, text);
  return path;
}
