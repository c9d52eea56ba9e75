/** Kafka's Java client: what it sends, reads, joins and administers. The programs tell facts; here stands what they are to be. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isFull, onBrokers } from './brokers.ts';
import { javaSkipReason, kafkaVersion } from './java.ts';
import { Jvm } from './jvm.ts';

let jvm: Jvm;
beforeAll(() => {
  if (javaSkipReason === null) jvm = Jvm.start();
}, 300_000);
afterAll(() => jvm?.close());

const protocols = ['classic', 'consumer'];

onBrokers(`Kafka's Java client ${kafkaVersion}`, { skip: javaSkipReason, sideBySide: true }, (broker) => {
  /** The facts that a case of a program tells, line by line. */
  const factsOf = async (program: string, ...args: string[]): Promise<string[]> => {
    const out = await jvm.run(program, [broker.bootstrap, ...args]);
    return out.split('\n').slice(0, -1);
  };

  test('every codec, key, value and header comes back byte for byte', async () => {
    expect(await factsOf('Producing', 'codecs', 'codecs')).toEqual([
      'none sent from 0',
      'gzip sent from 200',
      'snappy sent from 400',
      'lz4 sent from 600',
      'zstd sent from 800',
      'the same 1000',
    ]);
  });

  test('acks, sizes, times, keys that compaction needs, topics that are made, renewed and unknown', async () => {
    const [acks, sizes, times, compacted, topics] = await Promise.all(
      ['acks', 'sizes', 'times', 'compacted', 'topics'].map((what) => factsOf('Producing', what, `producing-${what}`)),
    );
    expect(acks).toEqual(['acks 0 -1', 'acks 1 1', 'acks all 2', 'values 0,1,all']);
    expect(sizes).toEqual([
      'large RecordTooLargeException',
      'small 0,1,2,3,4,5,6,7',
      'read 0×3000,1×3000,2×3000,3×3000,4×3000,5×3000,6×3000,7×3000',
    ]);
    expect(times).toEqual([
      'off -120000 InvalidTimestampException',
      'off 0 none: 0',
      'off 120000 InvalidTimestampException',
      'stamped true',
      'type LogAppendTime true',
    ]);
    expect(compacted).toEqual(['no key InvalidRecordException', 'key 0', 'tombstone 1']);
    expect(topics).toEqual([
      'made 0 1',
      'bad name InvalidTopicException',
      'bad partition TimeoutException',
      'unknown none: 0',
      'listed true false',
      'again 0',
      'and again 0',
    ]);
  });

  test.each(protocols)('seeks, offsets for times, beginnings and ends (%s)', async (protocol) => {
    expect(await factsOf('Consuming', 'seeks', protocol, `seeks-${protocol}`)).toEqual([
      'first 0,1,2 at 3',
      'from 7 7,8,9 lag 0',
      'from the beginning 0,1,2',
      'the end 10',
      'from 4 4,5,6',
      'beginning 0 0',
      'end 10 0',
      'at 0 0 0 0',
      'at 5 5 5 0',
      'at 9 9 9 0',
      'at 10 none',
      'of an empty one null',
    ]);
  });

  test('commits, with metadata, one after the other, alone, by themselves', async () => {
    const told = await Promise.all(protocols.map((protocol) => factsOf('Consuming', 'commits', protocol, `commits-${protocol}`)));
    for (const facts of told) {
      expect(facts).toEqual([
        'nothing yet null',
        'sync 4',
        'metadata 2 ein Wörtchen 0 0',
        'async 5',
        'of a topic that is not there TimeoutException',
        'group true true',
        'goes on with 5',
        'alone 9 9',
        'auto 10',
      ]);
    }
  });

  test('records that are deleted, and where a consumer goes then, by each policy', async () => {
    const told = await Promise.all(protocols.map((protocol) => factsOf('Consuming', 'resets', protocol, `resets-${protocol}`)));
    for (const facts of told) {
      expect(facts).toEqual([
        'low watermark 4',
        'beyond the end OffsetOutOfRangeException',
        'earliest without an offset none: 4',
        'earliest below the start none: 4',
        'earliest beyond the end none: somewhere',
        'by_duration:PT5M30S without an offset none: 5',
        'by_duration:PT5M30S below the start none: 5',
        'by_duration:PT5M30S beyond the end none: somewhere',
        'none without an offset NoOffsetForPartitionException',
        'none below the start OffsetOutOfRangeException',
        'none beyond the end OffsetOutOfRangeException',
        'latest without an offset none: 10',
        'latest below the start none: 10',
        'latest beyond the end none: 10',
      ]);
    }
  });

  test('pause, resume, a poll that waits, a poll that is woken', async () => {
    const told = await Promise.all(protocols.map((protocol) => factsOf('Consuming', 'pauses', protocol, `pauses-${protocol}`)));
    told.forEach((facts, i) => {
      const paused = `paused [pauses-${protocols[i]}-0] true`;
      expect(facts).toEqual([paused, 'resumed 0,1,2,3,4', 'waited for 1 true', 'woken WakeupException']);
    });
  });

  /** What a group of three that become two tells, by its kind. */
  const kinds = {
    cooperative: 'Classic cooperative-sticky',
    consumer: 'Consumer uniform',
    'consumer-range': 'Consumer range',
    range: 'Classic range',
    roundrobin: 'Classic roundrobin',
    sticky: 'Classic sticky',
  };
  test.each(isFull ? Object.keys(kinds) : ['cooperative', 'consumer'])('members join and leave: %s', async (kind) => {
    const keeps = kind === 'cooperative' || kind === 'consumer' ? ['kept what it had true', 'never gave all true'] : [];
    expect(await factsOf('Groups', 'join-leave', `join-${kind}`, kind)).toEqual([
      'one [6]',
      'two [3, 3]',
      'three [2, 2, 2]',
      'without the second [3, 3]',
      ...keeps,
      'lost 0',
      `described Stable ${kinds[kind as keyof typeof kinds]} 2 6`,
      'every record was read true some twice false',
      'committed true',
    ]);
  });

  test('a member with a name of its own comes back to what it had, and nobody may take the name', async () => {
    const told = await Promise.all(['cooperative', 'consumer'].map((kind) => factsOf('Groups', 'static', `static-${kind}`, kind)));
    const same = ['two [2, 2]', 'while it is away 2 []', 'back with the same true []'];
    const ends = ['instances [goes, stays]', 'removed'];
    expect(told[0]).toEqual([...same, 'twins: first FencedInstanceIdException second ', ...ends]);
    expect(told[1]).toEqual([...same, 'twins: first  second UnreleasedInstanceIdException', ...ends]);
  });

  test('who leads a classic group goes and comes back, and leads on', async () => {
    const facts = await factsOf('Groups', 'static-leader', 'static-leader', 'cooperative');
    expect(facts).toEqual(['one [4]', 'two [2, 2]', 'back with the same true []', 'more partitions [3, 3]']);
  });

  test('a pattern that the broker matches: topics come and go', async () => {
    expect(await factsOf('Groups', 'pattern', 'pattern')).toEqual([
      'owned [pattern-a-0, pattern-a-1]',
      'owned [pattern-a-0, pattern-a-1, pattern-b-0]',
      'owned [pattern-b-0]',
      'no pattern InvalidRegularExpression',
    ]);
  });

  test.each(isFull ? ['cooperative', 'range'] : ['cooperative'])('a group goes over to KIP-848 member by member, from %s', async (kind) => {
    expect(await factsOf('Groups', 'migrate', `migrate-${kind}`, kind)).toEqual([
      'before [3, 3] Classic',
      'both [2, 2, 2] Consumer',
      'protocols [new, old, old]',
      'one left [3, 3] Consumer',
      'after [3, 3] Consumer',
      'back [2, 2, 2] Consumer',
      'lost 0',
      'every record was read true some twice false',
      'committed true',
    ]);
  });

  test.runIf(isFull).each(['cooperative', 'consumer'])(
    'a member that polls too late is left out until it polls again: %s',
    async (kind) => {
      expect(await factsOf('Groups', 'slow', `slow-${kind}`, kind)).toEqual(['one [4]', 'two [2, 2]', 'late: ']);
    },
  );

  test('Admin: topics', async () => {
    expect(await factsOf('Administering', 'topics', 'at')).toEqual([
      'made at 1 1 604800000',
      'made at-2 3 1 1000',
      'made at-3 2 1 604800000',
      'by id at-2 3 false 1 1',
      'no such id UnknownTopicIdException',
      'no such name UnknownTopicOrPartitionException',
      'may [ALTER, ALTER_CONFIGS, CREATE, DELETE, DESCRIBE, DESCRIBE_CONFIGS, READ, WRITE]',
      'only tried none: null',
      'there already TopicExistsException',
      'too many replicas InvalidReplicationFactorException',
      'no partitions InvalidPartitionsException',
      'elsewhere InvalidReplicaAssignmentException',
      'a bad config InvalidConfigurationException',
      'like another none: null',
      'fewer InvalidPartitionsException',
      'more of nothing UnknownTopicOrPartitionException',
      'partitions 2',
      'deleted twice UnknownTopicIdException',
      'deleted nowhere UnknownTopicOrPartitionException',
      'left [at, at-3, at.3]',
    ]);
  });

  test('Admin: configs', async () => {
    expect(await factsOf('Administering', 'configs', 'ac')).toEqual([
      'compact compact:DYNAMIC_TOPIC_CONFIG',
      'append compact,delete:DYNAMIC_TOPIC_CONFIG',
      'subtract delete:DYNAMIC_TOPIC_CONFIG',
      'set 777:DYNAMIC_TOPIC_CONFIG',
      'delete 604800000:DEFAULT_CONFIG',
      'append to a number InvalidConfigurationException',
      'unknown InvalidConfigurationException',
      'only tried 604800000:DEFAULT_CONFIG',
      'described INT false false true message.max.bytes DEFAULT_CONFIG',
      'of nothing UnknownTopicOrPartitionException',
      'broker 300:STATIC_BROKER_CONFIG 0:STATIC_BROKER_CONFIG',
      'of no broker TimeoutException',
      'resources true true false',
    ]);
  });

  test('Admin: offsets of every kind, producers, what there is nothing of', async () => {
    expect(await factsOf('Administering', 'offsets', 'ao')).toEqual([
      'EarliestSpec 0/-1/0 empty: 0/-1/0',
      'LatestSpec 3/-1/0 empty: 0/-1/0',
      'MaxTimestampSpec 1/300/0 empty: -1/-1/-1',
      'TimestampSpec 1/300/0 empty: -1/-1/-1',
      'TimestampSpec -1/-1/-1 empty: -1/-1/-1',
      'EarliestLocalSpec 0/-1/0 empty: 0/-1/0',
      'LatestTieredSpec -1/-1/-1 empty: -1/-1/-1',
      'nowhere TimeoutException',
      'deleted 1 0',
      'earliest 1/-1/0',
      'producers 1 0',
      'producer 0 2 true OptionalInt.empty OptionalLong.empty',
      'transactions 0',
      'elected ElectionNotNeededException',
      'all elected 0',
      'moving 0',
    ]);
  });

  test('Admin: groups of both protocols', async () => {
    const living = (protocol: string, type: string, assignor: string, upgraded: string) => [
      `${protocol} Stable ${type} false 1 ${assignor}`,
      `${protocol} c-${protocol} /127.0.0.1 i [ag-0, ag-1, ag-2] ${upgraded}`,
      `${protocol} may [ALTER_CONFIGS, DELETE, DESCRIBE, DESCRIBE_CONFIGS, READ]`,
      `${protocol} listed ${type} consumer Stable`,
      `${protocol} not empty GroupNotEmptyException`,
      `${protocol} subscribed GroupSubscribedToTopicException`,
      `${protocol} by hand UnknownMemberIdException`,
      `${protocol} removed 0`,
      `${protocol} afterwards 3`,
      `${protocol} deleted one 2`,
      `${protocol} deleted GroupIdNotFoundException`,
    ];
    expect(await factsOf('Administering', 'groups', 'ag')).toEqual([
      'of one 3 by hand 4 2',
      'of other 1 null',
      'of nobody {}',
      ...living('classic', 'Classic', 'range', 'null'),
      ...living('consumer', 'Consumer', 'uniform', 'true'),
      'deleted nobody GroupIdNotFoundException',
      'removed nobody UnknownMemberIdException',
      'empty ones [ag, ag-other]',
      'simple true Empty Classic 0',
    ]);
  });

  test('Admin: the cluster, its disk', async () => {
    expect(await factsOf('Administering', 'cluster', 'al')).toEqual([
      'cluster 22 1 1 true false',
      'may [ALTER, ALTER_CONFIGS, CLUSTER_ACTION, CREATE, DESCRIBE, DESCRIBE_CONFIGS, IDEMPOTENT_WRITE]',
      'dirs 1 true 0 false 0',
      'disk true true true',
      'replica true',
      `features ${!broker.differs('no-features')}`,
      'metrics 0',
      'instance id none: null',
    ]);
  });

  test('Admin: quotas, and a producer that meets one', async () => {
    expect(await factsOf('Administering', 'quotas', 'aq')).toEqual([
      'all [aq]{consumer_byte_rate=60000.0, producer_byte_rate=50000.0} [null]{consumer_byte_rate=1.0E9}',
      'one [aq]{consumer_byte_rate=60000.0, producer_byte_rate=50000.0}',
      'default [null]{consumer_byte_rate=1.0E9}',
      'users ',
      'unknown InvalidRequestException',
      'negative InvalidRequestException',
      'throttled true',
      'none ',
    ]);
  });
});
