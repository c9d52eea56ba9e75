/** Programs that go on while their broker is killed: they tell lines (ledger.ts), and end when they are told to stop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { kafkaClasspath } from '../interop/java.ts';

export interface Clients {
  /** Topics that they produce to, and the partitions of each. */
  topics: readonly string[];
  partitions: number;
  groups: readonly string[];
  /** Begins; `tell` gets each line. */
  start(bootstrap: string, tell: (line: string) => void): Running;
}

export interface Running {
  /** Lets them end in order. Rejects when they do not within the time. */
  stop(withinMs: number): Promise<void>;
  kill(): void;
}

/** Apache Kafka's own: two producers, and a group of two members of each protocol. */
export function javaClients(perSecond: number): Clients {
  const [topics, partitions] = [['java-written', 'java-synced'], 2];
  return {
    topics,
    partitions,
    groups: ['java-classic', 'java-consumer'],
    start: (bootstrap, tell) => {
      const source = join(import.meta.dirname, 'KillClients.java');
      const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-Dlog4j2.statusLoggerLevel=OFF', '-Dorg.apache.logging.log4j.level=OFF'];
      const args = [...flags, '-cp', kafkaClasspath(), source, bootstrap, topics.join(), String(partitions), String(perSecond)];
      return started(spawn('java', args, { stdio: ['pipe', 'pipe', 'pipe'] }), tell);
    },
  };
}

/** librdkafka, by confluent-kafka of the Python that is given. */
export function librdkafkaClients(python: string, perSecond: number): Clients {
  const [topics, partitions] = [['librdkafka-written'], 2];
  return {
    topics,
    partitions,
    groups: ['librdkafka'],
    start: (bootstrap, tell) => {
      const source = join(import.meta.dirname, 'kill_clients.py');
      const args = ['-u', source, bootstrap, topics[0], String(partitions), String(perSecond)];
      return started(spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'] }), tell);
    },
  };
}

function started(child: ChildProcess, tell: (line: string) => void): Running {
  let errors = '';
  child.stderr?.on('data', (piece: Buffer) => {
    errors = `${errors}${piece}`.slice(-4000);
  });
  child.stdin?.on('error', () => {});
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let stopped = false;
  const lines = child.stdout === null ? null : createInterface({ input: child.stdout });
  lines?.on('line', tell);
  const ended = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      process.off('exit', killWithUs);
      if (code !== 0 || !stopped) tell(`wrong the clients ended with ${signal ?? code}: ${errors.replaceAll('\n', ' ')}`);
      resolve();
    });
  });
  return {
    async stop(withinMs) {
      stopped = true;
      child.stdin?.end('stop\n');
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          tell(`wrong the clients did not end within ${withinMs} ms: ${errors.replaceAll('\n', ' ')}`);
          child.kill('SIGKILL');
          resolve(ended);
        }, withinMs);
      });
      await Promise.race([ended, late]);
      clearTimeout(timer);
    },
    kill: killWithUs,
  };
}
