/**
 * The brokers that foreign clients are tried on: Spillway in a process of its own, and Apache Kafka as the control. A case is handed
 * one of them as an address and does not know which; where it must know, the difference has a row in differences.ts.
 *
 * `npm test` runs the cases on Spillway alone; `npm run interop` runs them on both, and those that are `full` too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Running, start } from '../cli/spawn.ts';
import { type Difference, differences } from './differences.ts';
import { javaSkipReason, startKafkaBroker } from './java.ts';

/** Set by vitest.config.ts in this folder: both brokers, and the cases that take long. */
export const isFull = process.env.INTEROP_DOSE === 'full';

export type Settings = Readonly<Record<string, string>>;

export type BrokerKind = 'spillway' | 'kafka';

/** What the cases get. Its address is known once the tests run, not while they are collected. */
export interface BrokerUnderTest {
  readonly kind: BrokerKind;
  /** host:port for clients. */
  readonly bootstrap: string;
  readonly host: string;
  readonly port: number;
  /** The process, for cases that look at it or stop it. */
  readonly pid: number;
  /** Whether this broker is the one that differs from Kafka in what that row says. */
  differs(difference: Difference): boolean;
}

export interface BrokerOptions {
  /** Why the cases cannot run here (no compiler, no package manager …); null when they can. Null in CI: there they fail rather than skip. */
  skip?: string | null;
  /** Settings by Kafka's names, over `common`; made anew for each broker before it starts, where it takes a function. */
  settings?: Settings | ((kind: BrokerKind) => Promise<Settings>);
  /** What a broker, and the setup of the client, may take to be there. */
  readyWithinMs?: number;
  /** Takes too long for `npm test`: `npm run interop` does it. */
  long?: boolean;
  /**
   * The cases wait more than they work, and each has topics and groups of its own: on Spillway they run at the same time. On Kafka one would see that what
   * another was answered is not everywhere yet.
   */
  sideBySide?: boolean;
}

/** Short times, so that cases need not wait for what happens by time. */
const common = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '500',
  'group.consumer.heartbeat.interval.ms': '300',
};

/** What only Kafka has, so that it starts small and takes the times above. */
const ofKafka = {
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.min.session.timeout.ms': '500',
  'log.flush.offset.checkpoint.interval.ms': '1000',
};

/** Kafka calls a record stored when it is written; so that rates and waits compare, Spillway does the same here. */
const ofSpillway = { 'log.durability': 'written' };

const kinds: readonly BrokerKind[] = isFull ? ['spillway', 'kafka'] : ['spillway'];

/** Makes the same tests for each broker. Each call has brokers of its own. */
export function onBrokers(what: string, options: BrokerOptions, cases: (broker: BrokerUnderTest) => void): void {
  const { skip = null, long = false, sideBySide = false, settings = {}, readyWithinMs = 240_000 } = options;
  for (const kind of kinds) {
    const reason = skip ?? (kind === 'kafka' ? javaSkipReason : null);
    const how = sideBySide && kind === 'spillway' ? { concurrent: true, timeout: 180_000 } : {};
    const isLeftOut = (long && !isFull) || (reason !== null && !process.env.CI);
    describe.skipIf(isLeftOut)(`${what}, on ${kind}${reason === null ? '' : ` (${reason})`}`, how, () => {
      let started: Started | null = null;
      beforeAll(async () => {
        started = await startBroker(kind, typeof settings === 'function' ? await settings(kind) : settings);
      }, readyWithinMs);
      afterAll(async () => {
        await started?.stop();
      }, 60_000);
      cases(underTest(kind, () => started));
    });
  }
}

function underTest(kind: BrokerKind, started: () => Started | null): BrokerUnderTest {
  const now = (): Started => {
    const broker = started();
    if (broker === null) throw new Error('the broker is started before the first test, not while tests are collected');
    return broker;
  };
  return {
    kind,
    get bootstrap() {
      return now().bootstrap;
    },
    get host() {
      return now().bootstrap.split(':')[0];
    },
    get port() {
      return Number(now().bootstrap.split(':')[1]);
    },
    get pid() {
      return now().pid;
    },
    differs: (difference) => kind === 'spillway' && Object.hasOwn(differences, difference),
  };
}

export interface Started {
  bootstrap: string;
  pid: number;
  stop(): Promise<void>;
}

/** One broker of that kind, for those who need no cases: a benchmark, a campaign. */
export async function startBroker(kind: BrokerKind, settings: Settings = {}): Promise<Started> {
  return kind === 'kafka'
    ? await startKafkaBroker({ settings: { ...common, ...ofKafka, ...settings }, readyWithinMs: 180_000 })
    : await startSpillway({ ...common, ...ofSpillway, ...settings });
}

async function startSpillway(settings: Settings): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-interop-'));
  const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const running = start(['run', '--json', '--port', '0', '--dir', 'data', '--log-level', 'warn', ...set], folder);
  const killWithUs = () => running.child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async (): Promise<void> => {
    process.off('exit', killWithUs);
    running.child.kill('SIGTERM');
    const { code, err } = await running.ended;
    rmSync(folder, { recursive: true, force: true });
    // Not a word on standard error, unless something went wrong that a case did not see.
    if (code !== 0) throw new Error(`spillway run ended with ${code}: ${err}`);
  };
  try {
    const { host, port } = await told(running);
    return { bootstrap: `${host}:${port}`, pid: running.child.pid as number, stop };
  } catch (error) {
    killWithUs();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function told({ child, shows }: Running): Promise<{ host: string; port: number }> {
  let out = '';
  child.stdout.on('data', (piece: Buffer) => {
    out += piece.toString();
  });
  await shows('"port"');
  return JSON.parse(out);
}
