/**
 * kcat as a witness. It is a program for the command line, so each command starts it anew, and what it cannot be told (headers per
 * record, for one) makes it start several times.
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Kcat } from './install.ts';
import {
  type Header,
  type Offsets,
  type Polled,
  type Read,
  Refusal,
  type Sent,
  type Taken,
  type Verb,
  type Verbs,
  type Witness,
} from './witness.ts';

type Handlers = { [V in Verb]?: (asked: Verbs[V]['asks'] & { withinMs?: number }) => Promise<Verbs[V]['answers']> };

/** Topic, partition, offset, timestamp, length of key and of value, headers; then key and value. */
const FORMAT = '%t %p %o %T %K %S %h\x1e%k%s\n';

interface Member {
  child: ChildProcessByStdio<null, Readable, Readable>;
  ended: Promise<void>;
  bytes: Buffer;
  owned: Record<string, number[]>;
  errors: string[];
}

export function openKcat({ command, environment }: Kcat, bootstrap: string): Witness {
  const env = { ...process.env, ...environment };
  const common = ['-b', bootstrap, '-X', 'client.id=witness-kcat'];
  const members = new Map<string, Member>();
  const killAll = (): void => {
    for (const { child } of members.values()) child.kill('SIGKILL');
  };
  process.once('exit', killAll);

  function run(args: readonly string[], input: string | Buffer = ''): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const child = execFile(
      command,
      [...common, ...args],
      { env, encoding: 'buffer', maxBuffer: 1 << 26, timeout: 30_000 },
      (error, out, err) => {
        if (error === null) resolve(out);
        else reject(new Refusal(`kcat ${args.join(' ')}: ${err.toString() || error.message}`, null));
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return promise;
  }

  /** `-L -J`, of one topic or of all. */
  async function metadata(topic?: string): Promise<Metadata> {
    return JSON.parse((await run(['-L', '-J', ...(topic === undefined ? [] : ['-t', topic])])).toString()) as Metadata;
  }

  async function partitionsOf(topic: string): Promise<number[]> {
    const { topics } = await metadata(topic);
    return (topics[0]?.partitions ?? []).map(({ partition }) => partition).sort((a, b) => a - b);
  }

  const handlers: Handlers = {
    async hello() {
      const version = /Version (\S+) .*librdkafka (\S+)/.exec((await run(['-V'])).toString());
      return { client: 'kcat', version: `${version?.[1]}, librdkafka ${version?.[2]}`, verbs: Object.keys(handlers) };
    },

    async produce({ topic, codec, idempotent, records }) {
      for (const { headers, partition, list } of inRuns(records)) {
        const args = [
          '-P',
          '-t',
          topic,
          '-z',
          codec,
          '-X',
          `enable.idempotence=${idempotent}`,
          '-X',
          'acks=all',
          '-Z',
          '-K',
          '\\x1f',
          '-D',
          '\\x1e',
        ];
        if (partition !== undefined) args.push('-p', `${partition}`);
        for (const { key, value } of headers) args.push('-H', `${key}=${Buffer.from(value ?? '', 'base64')}`);
        const pieces = list.map(({ key, value }) =>
          Buffer.concat([Buffer.from(key ?? '', 'base64'), Buffer.from('\x1f'), Buffer.from(value ?? '', 'base64')]),
        );
        await run(args, Buffer.concat(pieces.flatMap((piece, i) => (i === 0 ? [piece] : [Buffer.from('\x1e'), piece]))));
      }
      return {};
    },

    async read({ topic, from, until }) {
      const lists = Object.entries(until).map(async ([partition, end]) => {
        const start = from[Number(partition)];
        if (end <= start) return [];
        const args = ['-C', '-q', '-t', topic, '-p', partition, '-o', `${start}`, '-c', `${end - start}`, '-f', FORMAT];
        return parse(await run(args)).records.map(({ topic: _, ...record }) => record);
      });
      return { records: (await Promise.all(lists)).flat() };
    },

    async offsetsAt({ topic, timestamp }) {
      const asked = (await partitionsOf(topic)).flatMap((partition) => ['-t', `${topic}:${partition}:${timestamp}`]);
      const out = (await run(['-Q', ...asked])).toString();
      const offsets: Offsets = {};
      for (const [, partition, offset] of out.matchAll(/\[(\d+)\] offset (-?\d+)/g)) offsets[Number(partition)] = Number(offset);
      return { offsets };
    },

    async join({ member: name, group, topics, assignor }) {
      const settings = {
        'client.id': name,
        'partition.assignment.strategy': assignor,
        'heartbeat.interval.ms': 200,
        'session.timeout.ms': 10_000,
      };
      // -E: without it, it ends when the broker is away. Commits by time come every five seconds unless set.
      const commits = { 'auto.offset.reset': 'earliest', 'auto.commit.interval.ms': 200, 'topic.metadata.refresh.interval.ms': 1_000 };
      const set = Object.entries({ ...settings, ...commits }).flatMap(([key, value]) => ['-X', `${key}=${value}`]);
      const child = spawn(command, [...common, ...set, '-E', '-u', '-f', FORMAT, '-G', group, ...topics], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      members.set(name, follow(child));
      return {};
    },

    async poll({ member: name }) {
      return told(memberOf(name));
    },

    async leave({ member: name }) {
      const member = memberOf(name);
      member.child.kill('SIGTERM');
      await member.ended;
      members.delete(name);
      return { ...told(member), owned: {} };
    },

    async describeTopic({ topic }) {
      return { partitions: (await partitionsOf(topic)).length };
    },

    async listTopics() {
      return { topics: (await metadata()).topics.map(({ topic }) => topic) };
    },

    async describeCluster() {
      return { brokers: (await metadata()).brokers.map(({ name }) => name) };
    },
  };

  function memberOf(name: string): Member {
    const member = members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  return {
    async ask(verb, args) {
      const handler = handlers[verb];
      if (handler === undefined) throw new Refusal(`kcat has no ${verb}`, null);
      return await handler(args as never);
    },
    async close() {
      process.off('exit', killAll);
      killAll();
      await Promise.all([...members.values()].map(({ ended }) => ended));
    },
  };
}

interface Metadata {
  brokers: { name: string }[];
  topics: { topic: string; partitions: { partition: number }[] }[];
}

/** Neighbours with the same headers and partition go in one call. */
function inRuns(records: readonly Sent[]): { headers: Header[]; partition: number | undefined; list: Sent[] }[] {
  const runs: { headers: Header[]; partition: number | undefined; list: Sent[] }[] = [];
  for (const record of records) {
    const last = runs.at(-1);
    const isSame =
      last !== undefined && last.partition === record.partition && JSON.stringify(last.headers) === JSON.stringify(record.headers);
    if (isSame) last.list.push(record);
    else runs.push({ headers: record.headers, partition: record.partition, list: [record] });
  }
  return runs;
}

interface Printed extends Read {
  topic: string;
}

/** Whole records, and what is left of the bytes. */
function parse(bytes: Buffer): { records: Printed[]; rest: Buffer } {
  const records: Printed[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(0x1e, at);
    if (end < 0) break;
    const [topic, partition, offset, timestamp, keyLength, valueLength, ...headers] = bytes.toString('utf8', at, end).split(' ');
    const keyEnd = end + 1 + Math.max(0, Number(keyLength));
    const valueEnd = keyEnd + Math.max(0, Number(valueLength));
    if (valueEnd + 1 > bytes.length) break;
    records.push({
      topic,
      partition: Number(partition),
      offset: Number(offset),
      timestamp: Number(timestamp),
      key: keyLength === '-1' ? null : bytes.toString('base64', end + 1, keyEnd),
      value: valueLength === '-1' ? null : bytes.toString('base64', keyEnd, valueEnd),
      headers: headersOf(headers.join(' ')),
    });
    at = valueEnd + 1;
  }
  return { records, rest: bytes.subarray(at) };
}

function headersOf(text: string): Header[] {
  if (text === '') return [];
  return text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    const value = pair.slice(at + 1);
    return { key: pair.slice(0, at), value: value === 'NULL' ? null : Buffer.from(value).toString('base64') };
  });
}

function follow(child: ChildProcessByStdio<null, Readable, Readable>): Member {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const member: Member = { child, ended, bytes: Buffer.alloc(0), owned: {}, errors: [] };
  child.stdout.on('data', (piece: Buffer) => {
    member.bytes = Buffer.concat([member.bytes, piece]);
  });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    const lines = (said + piece).split('\n');
    said = lines.pop() as string;
    for (const line of lines) note(member, line);
  });
  return member;
}

/**
 * "% Group g rebalanced (memberid m): assigned: t [0], t [1]", or of a cooperative member
 * "% Group g rebalanced: incremental assignment of 2 partition(s) (memberid m, COOPERATIVE rebalance protocol): t [0], t [1]".
 */
function note(member: Member, line: string): void {
  const change =
    /rebalanced \([^)]*\): (assign|revoke)\w*: (.*)$/.exec(line) ?? /rebalanced: incremental (assign|revoke)\w* of .*?: (.*)$/.exec(line);
  if (change === null) {
    if (/ERROR/.test(line)) member.errors.push(line);
    return;
  }
  const [, what, list] = change;
  for (const [, topic, partition] of list.matchAll(/(\S+) \[(\d+)\]/g)) {
    const others = (member.owned[topic] ?? []).filter((one) => one !== Number(partition));
    member.owned[topic] = what === 'assign' ? [...others, Number(partition)].sort((a, b) => a - b) : others;
  }
}

function told(member: Member): Polled {
  const { records, rest } = parse(member.bytes);
  member.bytes = rest;
  const taken: Taken[] = records.map(({ topic, partition, offset, value }) => ({ topic, partition, offset, value }));
  return { owned: structuredClone(member.owned), taken, errors: member.errors.splice(0) };
}
