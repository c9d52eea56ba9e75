/**
 * A foreign client as a witness: a small program in the client's own language that takes a command per line of standard input, carries
 * it out with the client, and answers with a line. Both are JSON; what is bytes to Kafka is base64 in it. So a case is written once,
 * here, and every client is tried on it.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

export interface Header {
  key: string;
  value: string | null;
}

export interface Sent {
  key: string | null;
  value: string | null;
  headers: Header[];
  /** Left out, the client chooses. */
  partition?: number;
  timestamp?: number;
}

export interface Read extends Required<Sent> {
  offset: number;
}

export interface Place {
  partition: number;
  offset: number;
}

/** A number per partition. */
export type Offsets = Record<number, number>;

export interface Taken extends Place {
  topic: string;
  value: string | null;
}

/** What a member has seen since it was asked last, and the partitions that it owns now. */
export interface Polled {
  owned: Record<string, number[]>;
  taken: Taken[];
  errors: string[];
}

export interface DescribedGroup {
  state: string;
  members: { clientId: string; partitions: Record<string, number[]> }[];
}

type Nothing = Record<never, never>;

/** What a witness can be told to do. `withinMs` bounds each of them, 20 s unless set. */
export interface Verbs {
  hello: { asks: Nothing; answers: { client: string; version: string; verbs: string[] } };

  /** With a producer of its own, acks all. `placed` is where each record went; clients that tell it by batch tell `bases` instead. */
  produce: {
    asks: { topic: string; codec: Codec; idempotent: boolean; records: readonly Sent[] };
    answers: { placed?: Place[]; bases?: Place[] };
  };
  /** Without a group, from the offsets given until those given. */
  read: { asks: { topic: string; from: Offsets; until: Offsets }; answers: { records: Read[] } };
  /** The first offset at or after a time; −1 the end, −2 the start, −3 the record with the largest timestamp. */
  offsetsAt: { asks: { topic: string; timestamp: number }; answers: { offsets: Offsets } };

  /** A member that commits what it has taken after each poll. 'consumer' is KIP-848; other assignors mean the classic protocol. */
  join: { asks: { member: string; group: string; topics: string[]; assignor: Assignor; instance?: string }; answers: Nothing };
  poll: { asks: { member: string }; answers: Polled };
  leave: { asks: { member: string }; answers: Polled };

  createTopic: { asks: { topic: string; partitions: number; configs?: Record<string, string> }; answers: Nothing };
  describeTopic: { asks: { topic: string }; answers: { partitions: number } };
  listTopics: { asks: Nothing; answers: { topics: string[] } };
  describeConfigs: { asks: { topic: string }; answers: { configs: Record<string, string | null> } };
  alterConfigs: { asks: { topic: string; configs: Record<string, string> }; answers: Nothing };
  /** `partitions` is how many there are afterwards. */
  addPartitions: { asks: { topic: string; partitions: number }; answers: Nothing };
  deleteRecords: { asks: { topic: string; offsets: Offsets }; answers: Nothing };
  deleteTopic: { asks: { topic: string }; answers: Nothing };
  describeCluster: { asks: Nothing; answers: { brokers: string[] } };

  listGroups: { asks: Nothing; answers: { groups: string[] } };
  describeGroup: { asks: { group: string; assignor: Assignor }; answers: DescribedGroup };
  groupOffsets: { asks: { group: string; topic: string }; answers: { offsets: Offsets } };
  setGroupOffsets: { asks: { group: string; topic: string; offsets: Offsets }; answers: Nothing };
  /** Those of the partitions named. */
  deleteGroupOffsets: { asks: { group: string; topic: string; offsets: Offsets }; answers: Nothing };
  deleteGroup: { asks: { group: string }; answers: Nothing };
}

export type Verb = keyof Verbs;
export type Assignor = 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky' | 'consumer';

export const verbNames: readonly Verb[] = [
  'hello',
  'produce',
  'read',
  'offsetsAt',
  'join',
  'poll',
  'leave',
  'createTopic',
  'describeTopic',
  'listTopics',
  'describeConfigs',
  'alterConfigs',
  'addPartitions',
  'deleteRecords',
  'deleteTopic',
  'describeCluster',
  'listGroups',
  'describeGroup',
  'groupOffsets',
  'setGroupOffsets',
  'deleteGroupOffsets',
  'deleteGroup',
];

/** What the client said instead of an answer. */
export class Refusal extends Error {
  /** Kafka's number, where the client tells it. */
  readonly code: number | null;

  constructor(message: string, code: number | null) {
    super(message);
    this.code = code;
  }
}

export interface Witness {
  /** Rejects with a Refusal when the client did. */
  ask<V extends Verb>(verb: V, args: Verbs[V]['asks'] & { withinMs?: number }): Promise<Verbs[V]['answers']>;
  close(): Promise<void>;
}

interface Answer {
  id: number;
  ok?: unknown;
  error?: string;
  code?: number;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Starts the program. It carries out at once what it is given: who needs an order waits for the answer. */
export function openWitness(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Witness {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  const said = lastWords(child);
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);

  onLines(child.stdout, (line) => {
    const answer = parse(line);
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error !== undefined) waiter?.reject(new Refusal(answer.error, answer.code ?? null));
    else waiter?.resolve(answer.ok ?? {});
  });
  // A program that has ended does not read what it is told.
  child.stdin.on('error', () => {});
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => failAll(`${command} could not be started: ${error.message}`, resolve));
    child.once('close', (code) => failAll(`${command} ended with ${code}: ${said()}`, resolve));
  });
  function failAll(message: string, then: () => void): void {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
    then();
  }

  return {
    ask(verb, args) {
      const id = ++lastId;
      const withinMs = args.withinMs ?? 20_000;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      waiting.set(id, { resolve, reject });
      if (child.exitCode !== null) failAll(`${command} has ended: ${said()}`, () => {});
      child.stdin.write(`${JSON.stringify({ ...args, id, do: verb, withinMs })}\n`);
      // The program keeps to the time itself; this is for one that hangs, whatever it was doing before.
      const timer = setTimeout(() => reject(new Error(`${verb} was not answered: ${said()}`)), withinMs + 20_000);
      return promise.finally(() => clearTimeout(timer)) as Promise<never>;
    },
    async close() {
      child.stdin.end();
      const timer = setTimeout(killWithUs, 5_000);
      await ended;
      clearTimeout(timer);
      process.off('exit', killWithUs);
    },
  };
}

function parse(line: string): Answer {
  try {
    return JSON.parse(line) as Answer;
  } catch {
    // What a library prints on its own account.
    return { id: -1 };
  }
}

function onLines(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() as string;
    lines.forEach(take);
  });
}

/** The end of what a program wrote to standard error; it is read, so that the pipe never fills. */
function lastWords(child: ChildProcessByStdio<Writable, Readable, Readable>): () => string {
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said = (said + piece).slice(-4_000);
  });
  return () => said;
}
