/**
 * What every bus does, at any distance: without threads, with threads, over TCP, and a broker of Apache Kafka. Written in terms of
 * Producer, Consumer and Admin alone; each case makes topics of its own, so one bus serves them all.
 */
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Admin, Consumer, ConsumerOptions, Producer, ProducerOptions } from '../../src/index.ts';
import { adminCases } from './bus/admin.ts';
import { consumeCases } from './bus/consume.ts';
import { groupCases } from './bus/groups.ts';
import { produceCases } from './bus/produce.ts';

/** A bus, an attached one, a client of a broker. */
export interface AnyBus {
  producer<K = string | Uint8Array, V = unknown>(options?: ProducerOptions<K, V>): Producer<K, V>;
  consumer<K = string | Uint8Array, V = unknown>(options?: ConsumerOptions<K, V>): Consumer<K, V>;
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
}

/** Cases by title: what must hold. */
export type Cases = Record<string, (bench: Bench) => Promise<void>>;

const groups: Record<string, Cases> = { producing: produceCases, consuming: consumeCases, groups: groupCases, administration: adminCases };

/**
 * Runs every case against the bus that `open` gives. `skips` names cases that this one does not do, each with the reason; a title that
 * is none is an error. `skipReason` leaves out the whole. Retention has to be applied within a second or so, or its case skipped.
 */
export function busSuite(
  name: string,
  open: () => Promise<AnyBus>,
  skips: Readonly<Record<string, string>> = {},
  skipReason: string | null = null,
): void {
  const titles = new Set(Object.values(groups).flatMap((cases) => Object.keys(cases)));
  for (const title of Object.keys(skips)) if (!titles.has(title)) throw new Error(`there is no case "${title}" to be skipped`);
  describe.skipIf(skipReason !== null)(skipReason === null ? name : `${name} (skipped: ${skipReason})`, () => {
    let bus: AnyBus;
    let count = 0;
    const run = Math.random().toString(36).slice(2, 8);
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
    };
    beforeAll(async () => {
      bus = await open();
    });
    afterAll(() => bus?.close());
    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const [title, check] of Object.entries(cases)) {
          if (skips[title] === undefined) test(title, () => check(bench));
          else test.skip(`${title} (${skips[title]})`, () => {});
        }
      });
    }
  });
}
