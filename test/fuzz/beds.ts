/** What is attacked: a listener with a whole bus behind it, on this thread over sockets that are functions, or on threads over TCP. */
import { Bus } from '../../src/index.ts';
import { Loopback } from '../kafka/loopback.ts';
import { WireClient } from '../kafka/wire-client.ts';
import type { Asks } from './witness.ts';

/** One connection. */
export interface AttackClient extends Asks {
  readonly isClosed: boolean;
  send(bytes: Buffer): void;
  /** The next answer; null when there is none any more. */
  next(): Promise<Buffer | null>;
  close(): void;
}

export interface Bed {
  connect(): Promise<AttackClient>;
  /** What failed where nothing may; undefined: nothing. */
  problem(): string | undefined;
  /** Connections that are open, those that were closed by their reason, and bytes that are in flight; null: it does not tell. */
  counts(): Promise<{ connections: number; closed: Record<string, number>; inFlightBytes: number }>;
  close(): Promise<unknown>;
}

const configs = { 'log.durability': 'written', 'log.retention.bytes': '1048576', 'log.segment.bytes': '262144' };

export async function openLoopbackBed(seed: number): Promise<Bed> {
  const bench = await Loopback.open({ seed, configs, slotsMax: 60 });
  return {
    connect: async () => bench.connect(),
    problem: () => bench.failures[0],
    counts: async () => ({ ...bench.listener.counts, inFlightBytes: bench.bus.client(1).dispatcher.inFlightBytes }),
    close: () => bench.close(),
  };
}

/** A bus with threads and sockets: few partitions fit into its memory. */
export async function openSocketBed(): Promise<Bed> {
  const bus = await Bus.open({ configs: { ...configs, 'log.durability': 'memory' }, memoryBytesMax: 64 << 20, logLevel: 'silent' });
  const listening = await bus.listen({ port: 0 });
  const [{ threadId }] = listening.threads;
  return {
    connect: () => WireClient.open(listening),
    problem: () => (listening.threads[0]?.threadId === threadId ? undefined : 'the thread of the listener has died'),
    counts: async () => ({ ...(await listening.counts()), inFlightBytes: 0 }),
    close: () => bus.close(),
  };
}
