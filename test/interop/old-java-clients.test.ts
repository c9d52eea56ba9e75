/** Kafka's Java client as it was years ago, beside today's: what one writes the other reads, and they share a group. */
import { delimiter } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jarsOf } from '../../bench/peers/jars.ts';
import { isFull, onBrokers } from './brokers.ts';
import { javaSkipReason, kafkaClasspath } from './java.ts';
import { compiled, Jvm } from './jvm.ts';

/** 2.1 is the oldest that brokers of 4.x serve (KIP-896). */
const versions = ['2.1.1', '2.8.2', '3.4.1', '3.9.1'];

let jvm: Jvm;
/** The class that runs a version, with its class path. */
const mains = new Map<string, string>();
beforeAll(() => {
  if (!isFull || javaSkipReason !== null) return;
  jvm = Jvm.start();
  for (const version of versions) {
    const jars = jarsOf(`org.apache.kafka:kafka-clients:${version}`);
    mains.set(version, `${[compiled(['old/OldClient'], jars), jars].join(delimiter)}!OldClient`);
  }
  mains.set('now', `${[compiled(['old/OldClient'], kafkaClasspath()), kafkaClasspath()].join(delimiter)}!OldClient`);
}, 600_000);
afterAll(() => jvm?.close());

onBrokers('Java clients of earlier years', { skip: javaSkipReason, long: true }, (broker) => {
  const factsOf = async (version: string, ...args: string[]): Promise<string[]> => {
    const [said, ...facts] = (await jvm.run(mains.get(version) as string, [broker.bootstrap, ...args])).trimEnd().split('\n');
    if (version !== 'now') expect(said).toBe(`version ${version}`);
    return facts;
  };

  test.each(versions)(
    '%s administers, writes for today’s, reads what that wrote, and shares a group with it',
    { timeout: 120_000 },
    async (version) => {
      const topic = `old-${version}`;
      const described = ['listed true', 'partitions 2', 'retention 604800000', 'cluster 1'];
      expect(await factsOf(version, 'admin', `${topic}-made`)).toEqual(described);
      const made = await jvm.run('org.apache.kafka.tools.TopicCommand', [
        '--bootstrap-server',
        broker.bootstrap,
        '--create',
        '--topic',
        topic,
        '--partitions',
        '2',
      ]);
      expect(made).toContain('Created');
      const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
      for (const [i, codec] of codecs.entries())
        expect(await factsOf(i % 2 === 0 ? version : 'now', 'produce', topic, codec, '20', `${20 * i}`)).toEqual([
          `offsets ${10 * i + 9} ${10 * i + 9}`,
        ]);
      for (const reader of [version, 'now'])
        expect(await factsOf(reader, 'read', topic, '100')).toEqual([
          `read 100 sum ${(100 * 99) / 2} [gzip, lz4, none, snappy, zstd]`,
          // Since 2.2 the client itself refuses it.
          `commit without a group: ${reader === '2.1.1' && !broker.differs('no-nameless-group') ? 'done' : 'refused'}`,
          'ends [50, 50]',
          'from 3: 3',
        ]);
      const group = `shared-${version}`;
      const members = [version, 'now'].map((member) => jvm.start(mains.get(member) as string, [broker.bootstrap, 'join', topic, group]));
      const shares = Promise.all(members.map((member) => member.says('shares')));
      let both = false;
      const over = shares.then(() => {
        both = true;
      });
      for (let i = 100; !both; i += 20) await factsOf(version, 'produce', topic, 'none', '20', `${i}`);
      await over;
      for (const member of members) expect((await member.stop()).code).toBe(0);
    },
  );
});
