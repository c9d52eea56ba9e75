/**
 * What producers go by of each topic: its durability, and how large its batches may be. Metadata does not tell it, so it is described once per
 * topic and kept for a while. A cluster that does not say is taken to have Kafka's defaults.
 */
import { limits } from '../../base/limits.ts';
import type { TopicMetadata } from '../../coordinator/protocol.ts';
import type { Durability } from '../../log/config.ts';
import { describeConfigs } from '../api/32-describe-configs.ts';
import * as configs from './configs.ts';
import { type Desk, put } from './desk.ts';

interface Settings {
  durability: Durability;
  batchBytesMax: number;
  /** Monotonic. */
  untilMs: number;
}

export class TopicSettings {
  readonly #byName = new Map<string, Settings & { topicId: string }>();

  /** Fills in the rows of topics that are there. Of one whose broker does not say, what was known last, or Kafka's defaults. */
  complete(desk: Desk, rows: TopicMetadata[], then: () => void): void {
    const nowMs = desk.clock.monotonicMs();
    const there = rows.filter(({ error }) => error === 0);
    const unknown = there.filter(({ name, topicId }) => {
      const known = this.#byName.get(name);
      return known === undefined || known.topicId !== topicId || known.untilMs <= nowMs;
    });
    const fill = (): void => {
      for (const row of there) {
        const { durability, batchBytesMax } = this.#byName.get(row.name) ?? KAFKAS;
        row.durability = durability;
        row.batchBytesMax = batchBytesMax;
      }
      then();
    };
    if (unknown.length === 0) return fill();
    const names = unknown.map(({ name }) => name);
    const ids = new Map(unknown.map(({ name, topicId }) => [name, topicId]));
    const heard = (described: configs.Described[]): void => {
      if (this.#byName.size + described.length > limits.topicsMax) this.#byName.clear();
      for (const { name, error, entries } of described) {
        if (error !== 0) continue;
        const max = Number(entries.find(({ key }) => key === 'max.message.bytes')?.value);
        this.#byName.set(name, {
          topicId: ids.get(name) ?? '',
          durability: configs.durabilityOf(entries),
          batchBytesMax: Number.isSafeInteger(max) ? max : KAFKAS.batchBytesMax,
          untilMs: nowMs + KEPT_MS,
        });
      }
      fill();
    };
    describe(desk, names, configs.configsOfMetadata, (_error, described) => heard(described));
  }

  /** What was known last; batches that are under way were sent by it. */
  durabilityOf(name: string): Durability {
    return this.#byName.get(name)?.durability ?? KAFKAS.durability;
  }

  /** It was changed: it is looked at again before it is used. */
  forget(name: string): void {
    const known = this.#byName.get(name);
    if (known !== undefined) known.untilMs = 0;
  }
}

/** Configurations of topics, all of them or those of these names. A refusal is that of every row too. */
export function describe(
  desk: Desk,
  names: readonly string[],
  keys: readonly string[] | null,
  done: (error: number, described: configs.Described[]) => void,
): void {
  if (names.length === 0) return desk.clock.next(() => done(0, []));
  if (names.length > AT_ONCE) {
    // Each broker takes so many at a time, and says so much of each, that others would wait.
    return describe(desk, names.slice(0, AT_ONCE), keys, (error, first) => {
      if (error !== 0) return done(error, []);
      describe(desk, names.slice(AT_ONCE), keys, (failure, others) => done(failure, [...first, ...others]));
    });
  }
  const about = { to: 'any', api: describeConfigs, message: configs.topicsRequest(names, keys), again: 'all' } as const;
  const refused = (error: number) => ({ error, described: names.map((name) => ({ name, error, entries: [] })) });
  const heard = (response: Parameters<typeof configs.describedTopics>[1]) => ({
    error: 0,
    described: configs.describedTopics(names, response),
  });
  put(desk, { ...about, heard, refused }, ({ error, described }) => done(error, described));
}

/** What Kafka has unless somebody says otherwise (message.max.bytes). */
const KAFKAS: Omit<Settings, 'untilMs'> = { durability: 'written', batchBytesMax: 1_048_588 };
/** Topics of one request. */
const AT_ONCE = 200;
/** As metadata.max.age.ms. */
const KEPT_MS = 300_000;
