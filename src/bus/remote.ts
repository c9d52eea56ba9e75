/** A bus elsewhere: producers, consumers and administration as on a bus of one's own, over TCP to Spillway or to a cluster of Kafka's. */
import { BusError, errorName, errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { Client } from '../client/client.ts';
import { Dispatcher } from '../dispatch/dispatcher.ts';
import { outboxMemory } from '../dispatch/outbox.ts';
import { Cluster } from '../kafka/remote/cluster.ts';
import { RemoteCoordinator } from '../kafka/remote/coordinator.ts';
import { RemoteHost } from '../kafka/remote/host.ts';
import { Requests } from '../kafka/remote/requests.ts';
import { TopicSettings } from '../kafka/remote/settings.ts';
import type { Durability } from '../log/config.ts';
import { Arena } from '../world/arena.ts';
import { realClock, type Timer } from '../world/clock.ts';
import { realDisk } from '../world/disk.ts';
import { realRandom } from '../world/random.ts';
import { type CheckedConnectOptions, type ConnectOptions, checkConnectOptions } from './connect-options.ts';
import { ReachedBus } from './reached-bus.ts';

/** A bus as one sees it who is connected to its brokers. */
export type RemoteBus = ReachedBus;

/**
 * Connects to a bus that listens elsewhere, or to a cluster of Apache Kafka's; resolves when a broker has answered. Rejects with a BusError:
 * INVALID_ARGUMENT, BROKER_NOT_AVAILABLE when none of the brokers answers within `openTimeoutMs`, UNSUPPORTED_VERSION.
 */
export async function connect(options: ConnectOptions): Promise<RemoteBus> {
  const checked = checkConnectOptions(options);
  const remote = compose(checked);
  try {
    await firstAnswer(remote.requests, remote.cluster, checked);
  } catch (error) {
    remote.end();
    throw error;
  }
  return new ReachedBus(new Client(remote.dispatcher), remote.end);
}

interface Remote {
  dispatcher: Dispatcher;
  requests: Requests;
  cluster: Cluster;
  end(): void;
}

function compose({ addresses, clientId, isolation, memoryBytesMax, ...times }: CheckedConnectOptions): Remote {
  const { connectTimeoutMs, requestTimeoutMs, connectionsIdleMs, metadataMaxAgeMs } = times;
  const requests = new Requests({
    brokers: addresses,
    clientId,
    clock: realClock,
    random: realRandom,
    connectTimeoutMs,
    requestTimeoutMs,
    idleMs: connectionsIdleMs,
  });
  const dispatcher = new Dispatcher({
    index: 0,
    clock: realClock,
    random: realRandom,
    disk: realDisk,
    // A broker shares no memory: this holds the pressure level, and it stays calm.
    arena: Arena.create({ framesMax: 1, frameBytes: limits.frameBytes, slotsMax: 1 }),
    outbox: outboxMemory(memoryBytesMax),
    keepAlive: stayAlive(),
  });
  const settings = new TopicSettings();
  const durabilityOf = (topic: string): Durability => settings.durabilityOf(topic);
  const cluster: Cluster = new Cluster(requests, metadataMaxAgeMs, {
    host: (host, node) => {
      const isolationLevel = isolation === 'read_committed' ? 1 : 0;
      const { bytes: outbox } = dispatcher.outbox;
      dispatcher.hostUp(
        host,
        new RemoteHost({ node, requests, cluster, outbox, isolation: isolationLevel, requestTimeoutMs, durabilityOf }),
      );
    },
    changed: (names) => coordinator.tell({ notice: 'topics', epoch: 0, names: [...names] }),
  });
  const coordinator = new RemoteCoordinator({ requests, topology: cluster, settings, clock: realClock });
  dispatcher.coordinatorUp(coordinator);
  const end = (): void => {
    dispatcher.close();
    cluster.close();
    requests.close();
  };
  return { dispatcher, requests, cluster, end };
}

function firstAnswer(requests: Requests, cluster: Cluster, { brokers, openTimeoutMs }: CheckedConnectOptions): Promise<void> {
  const endMs = realClock.monotonicMs() + openTimeoutMs;
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      cluster.meet(Math.max(1, endMs - realClock.monotonicMs()), (error) => {
        if (error === 0) return resolve();
        if (error === errors.UNSUPPORTED_VERSION.code) {
          const what = `${brokers.join(', ')}: the broker speaks Metadata in no version that is spoken here; it is older than Kafka 0.8`;
          return reject(new BusError('UNSUPPORTED_VERSION', what, { details: { brokers } }));
        }
        if (realClock.monotonicMs() < endMs) return void realClock.after(RETRY_MS, attempt, true);
        const why = requests.failures.length === 0 ? errorName(error) : requests.failures.join('; ');
        const advice = 'see that one is up, and listens there';
        const what = `no broker of ${brokers.join(', ')} has answered within ${openTimeoutMs} ms: ${why}: ${advice}`;
        reject(new BusError('BROKER_NOT_AVAILABLE', what, { details: { brokers, failures: requests.failures } }));
      });
    };
    attempt();
  });
}

/** A timer that keeps the process, while somebody waits for what no request under way will bring. */
function stayAlive(): (alive: boolean) => void {
  let timer: Timer | null = null;
  return (alive) => {
    timer?.cancel();
    timer = alive ? realClock.after(Number.MAX_SAFE_INTEGER, () => {}, true) : null;
  };
}

const RETRY_MS = 100;
