/** Spillway's own client over TCP as one more witness: it reads what foreign clients wrote, is read by them, and shares groups with them. */
import { readFileSync } from 'node:fs';
import { type BusError, type Consumer, connect, type RemoteBus, serdes } from '../../../src/index.ts';
import { bytesOf, entriesOf, Notes, textOf } from './node/serve.ts';
import { type Read, Refusal, type Verb, type Verbs, type Witness } from './witness.ts';

type Handlers = { [V in Verb]?: (asked: Verbs[V]['asks'] & { withinMs?: number }) => Promise<Verbs[V]['answers']> };
type BytesConsumer = Consumer<Uint8Array, Uint8Array>;

interface Member {
  consumer: BytesConsumer;
  notes: Notes;
  isLeaving: boolean;
  ended: Promise<void>;
}

const raw = { key: serdes.raw, value: serdes.raw };

export async function openOwn(bootstrap: string): Promise<Witness> {
  const remote = await connect({ brokers: [bootstrap], clientId: 'witness-spillway' });
  const admin = remote.admin();
  const members = new Map<string, Member>();

  const handlers: Handlers = {
    async hello() {
      const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
      return { client: 'spillway', version, verbs: Object.keys(handlers) };
    },

    async produce({ topic, codec, idempotent, records }) {
      const producer = remote.producer({ ...raw, compression: codec, idempotence: idempotent, lingerMs: 5 });
      try {
        const sent = records.map(({ key, value, headers, partition, timestamp }) => ({
          key: bytesOf(key),
          value: bytesOf(value),
          headers: headers.map((header) => ({ key: header.key, value: bytesOf(header.value) })),
          partition,
          timestamp,
        }));
        const receipts = await producer.send(topic, sent);
        return { placed: receipts.map(({ partition, offset }) => ({ partition, offset })) };
      } finally {
        await producer.close();
      }
    },

    async read({ topic, from, until, withinMs = 20_000 }) {
      const consumer = remote.consumer({ ...raw, autoOffsetReset: 'earliest' });
      const records: Read[] = [];
      try {
        await consumer.assign(entriesOf(from).map(({ partition }) => ({ topic, partition })));
        for (const { partition, offset } of entriesOf(from)) await consumer.seek({ topic, partition }, offset);
        const isDone = () => entriesOf(until).every(({ partition, offset }) => consumer.position(topic, partition) >= offset);
        for (const end = Date.now() + withinMs; !isDone(); ) {
          if (Date.now() > end) throw new Refusal(`read ${records.length} records and came no further`, null);
          for (const record of await consumer.poll({ timeoutMs: 100 })) {
            const { partition, offset, timestamp, rawKey, rawValue, rawHeaders } = record;
            if (offset >= until[partition]) continue;
            const headers = rawHeaders.map(({ key, value }) => ({ key, value: textOf(value) }));
            records.push({ partition, offset, timestamp, key: textOf(rawKey), value: textOf(rawValue), headers });
          }
        }
        return { records };
      } finally {
        await consumer.close();
      }
    },

    async offsetsAt({ topic, timestamp }) {
      const special = new Map([
        [-1, 'latest'],
        [-2, 'earliest'],
        [-3, 'maxTimestamp'],
      ] as const);
      const listed = await admin.listOffsets(topic, special.get(timestamp as -1) ?? timestamp);
      return { offsets: Object.fromEntries(listed.map(({ partition, offset }) => [partition, offset])) };
    },

    async createTopic({ topic, partitions, configs = {} }) {
      await admin.createTopics([{ name: topic, partitions, configs }]);
      return {};
    },

    async join({ member: name, group, topics, assignor }) {
      const consumer = remote.consumer({
        ...raw,
        groupId: group,
        topics,
        autoOffsetReset: 'earliest',
        autoCommit: false,
        ...(assignor === 'consumer'
          ? { groupProtocol: 'consumer' as const }
          : { groupProtocol: 'classic' as const, assignor, sessionTimeoutMs: 10_000, heartbeatIntervalMs: 200 }),
      });
      members.set(name, work(consumer));
      return {};
    },

    async poll({ member: name }) {
      const { consumer, notes } = memberOf(name);
      const owned = Object.groupBy(consumer.assignment(), ({ topic }) => topic);
      return notes.poll(
        Object.fromEntries(Object.entries(owned).map(([topic, list = []]) => [topic, list.map(({ partition }) => partition)])),
      );
    },

    async leave({ member: name }) {
      const member = memberOf(name);
      member.isLeaving = true;
      await member.ended;
      members.delete(name);
      return member.notes.poll({});
    },

    async groupOffsets({ group, topic }) {
      const offsets = (await admin.groupOffsets(group)).filter((one) => one.topic === topic);
      return { offsets: Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset])) };
    },
  };

  function memberOf(name: string): Member {
    const member = members.get(name);
    if (member === undefined) throw new Refusal(`no member ${name}`, null);
    return member;
  }

  return {
    async ask(verb, args) {
      const handler = handlers[verb];
      if (handler === undefined) throw new Refusal(`no such verb: ${verb}`, null);
      return await handler(args as never);
    },
    async close() {
      for (const member of members.values()) member.isLeaving = true;
      await Promise.all([...members.values()].map(({ ended }) => ended));
      await (remote satisfies RemoteBus).close();
    },
  };
}

function work(consumer: BytesConsumer): Member {
  const member: Member = { consumer, notes: new Notes(), isLeaving: false, ended: Promise.resolve() };
  const loop = async (): Promise<void> => {
    while (!member.isLeaving) {
      try {
        const records = await consumer.poll({ timeoutMs: 50 });
        for (const { topic, partition, offset, rawValue } of records) {
          member.notes.take({ topic, partition, offset, value: textOf(rawValue) });
        }
        if (records.length > 0) await consumer.commit();
      } catch (error) {
        member.notes.fail((error as BusError).message);
      }
    }
    await consumer.close();
  };
  member.ended = loop();
  return member;
}
