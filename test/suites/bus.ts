/**
 * What every bus does, at any distance: without threads, with threads, over TCP, and a broker of Apache Kafka. Written in terms of
 * Producer, Consumer and Admin alone; each case makes topics of its own, so one bus serves them all.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  Admin,
  Consumer,
  ConsumerOptions,
  Outbox,
  OutboxOptions,
  Producer,
  ProducerOptions,
  SqliteDatabase,
} from '../../src/index.ts';
import { adminCases } from './bus/admin.ts';
import { consumeCases } from './bus/consume.ts';
import { distanceCases } from './bus/distances.ts';
import { exactlyOnceCases } from './bus/exactly-once.ts';
import { groupCases } from './bus/groups.ts';
import { produceCases } from './bus/produce.ts';
import { type Difference, type Distance, differences, metAt, skippedAt } from './differences.ts';

/** A bus, an attached one, a client of a broker. */
export interface AnyBus {
  producer<K = string | Uint8Array, V = unknown>(options?: ProducerOptions<K, V>): Producer<K, V>;
  consumer<K = string | Uint8Array, V = unknown>(options?: ConsumerOptions<K, V>): Consumer<K, V>;
  outbox<K = string | Uint8Array, V = unknown>(db: SqliteDatabase, options?: OutboxOptions<K, V>): Outbox<K, V>;
  admin(): Admin;
  close(): Promise<unknown>;
}

/** What a case works with. */
export interface Bench {
  readonly bus: AnyBus;
  /** A topic of the case's own, which keeps records of any time. */
  topic(partitions?: number, configs?: Record<string, string | number | boolean>): Promise<string>;
  /** A name that no topic has. */
  name(): string;
  /** Whether this bus is one of those that do otherwise. */
  differs(difference: Difference): boolean;
}

/** Cases by title: what must hold. */
export type Cases = Record<string, (bench: Bench) => Promise<void>>;

const parts: Record<string, Cases> = {
  producing: produceCases,
  consuming: consumeCases,
  groups: groupCases,
  'exactly once': exactlyOnceCases,
  administration: adminCases,
  distances: distanceCases,
};

/** All titles; that one is named which is none would be an error in differences.ts. */
export const titles: ReadonlySet<string> = new Set(Object.values(parts).flatMap((cases) => Object.keys(cases)));

/**
 * Runs every case against the bus that `open` gives, but for those that are left out at its distance. Retention has to be applied within a
 * second or so. `reason`, when there is one, says why the whole cannot run here.
 */
export function busSuite(name: string, distance: Distance, open: () => Promise<AnyBus>, reason: string | null = null): void {
  const skips = skippedAt(distance);
  describe.skipIf(reason !== null)(reason === null ? name : `${name} (${reason})`, () => {
    let bus: AnyBus;
    let count = 0;
    const run = Math.random().toString(36).slice(2, 8);
    const met = new Set<Difference>();
    const bench: Bench = {
      get bus() {
        return bus;
      },
      name: () => `suite-${run}-${count++}`,
      async topic(partitions = 1, configs = {}) {
        const made = bench.name();
        await bus.admin().createTopics([{ name: made, partitions, configs: { 'retention.ms': -1, ...configs } }]);
        return made;
      },
      differs(difference) {
        const isMet = differences[difference].at.includes(distance as never);
        if (isMet) met.add(difference);
        return isMet;
      },
    };
    beforeAll(async () => {
      bus = await open();
    }, 300_000);
    afterAll(() => bus?.close());
    for (const [part, cases] of Object.entries(parts)) {
      describe(part, () => {
        for (const [title, check] of Object.entries(cases)) {
          if (skips[title] === undefined) test(title, () => check(bench));
          else test.skip(`${title} (${skips[title]})`, () => {});
        }
        if (cases === distanceCases)
          test('every difference that is named is met', () => expect([...met].sort()).toEqual(metAt(distance).sort()));
      });
    }
  });
}
