/** Topics and their configs on the target: made, given partitions, and kept as the source has them, as far as the target knows them. */
import { BusError } from '../../base/errors.ts';
import type { Admin, TopicListing } from '../admin.ts';

/** What describes the brokers or the clock of the source, and would be wrong on the target: old times would be refused or changed, say. */
const sourcesOwn = new Set([
  'message.timestamp.type',
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
  'message.timestamp.difference.max.ms',
  'min.insync.replicas',
  'unclean.leader.election.enable',
  'leader.replication.throttled.replicas',
  'follower.replication.throttled.replicas',
  'remote.storage.enable',
]);

interface Setup {
  from: Admin;
  to: Admin;
  replicationFactor: number;
  onNotice(text: string): void;
}

export class MirroredTopics {
  readonly #setup: Setup;
  /** Configs that the target would not take, by topic. */
  readonly #refused = new Map<string, Set<string>>();
  /** What was set on the target by us, by topic: when the source has it no more, the target's goes too. */
  readonly #set = new Map<string, Set<string>>();

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  /** Makes the target have these topics of the source, with as many partitions and the same configs. */
  async bring(topics: readonly TopicListing[]): Promise<void> {
    if (topics.length === 0) return;
    const { from, to } = this.#setup;
    const names = topics.map(({ name }) => name);
    const described = await from.describeConfigs(names);
    const configsOf = new Map(
      described.map(({ name, entries }) => {
        const own = entries.filter(({ key, source, readOnly }) => source === 'topic' && !readOnly && !sourcesOwn.has(key));
        return [name, new Map(own.map(({ key, value }) => [key, value]))];
      }),
    );
    const there = new Map((await to.listTopics()).map((topic) => [topic.name, topic]));
    for (const topic of topics) {
      const wanted = configsOf.get(topic.name) ?? new Map<string, string>();
      const target = there.get(topic.name);
      if (target === undefined) await this.#create(topic, wanted);
      else if (target.partitions < topic.partitions) await to.createPartitions(topic.name, topic.partitions);
    }
    const old = names.filter((name) => there.has(name));
    if (old.length === 0) return;
    for (const { name, entries } of await to.describeConfigs(old)) {
      const current = new Map(entries.map(({ key, value }) => [key, value]));
      await this.#alter(name, configsOf.get(name) ?? new Map(), current);
    }
  }

  async #create({ name, partitions }: TopicListing, wanted: ReadonlyMap<string, string>): Promise<void> {
    const { to, replicationFactor } = this.#setup;
    const configs = new Map(wanted);
    const topic = (entries: Iterable<readonly [string, string]>) => ({
      name,
      partitions,
      ...(replicationFactor === -1 ? {} : { replicationFactor }),
      configs: Object.fromEntries(entries),
    });
    if (await isRefused(to.createTopics([topic(configs)], { validateOnly: true }))) {
      for (const one of wanted) {
        if (!(await isRefused(to.createTopics([topic([one])], { validateOnly: true })))) continue;
        configs.delete(one[0]);
        this.#leaveOut(name, one);
      }
    }
    await to.createTopics([topic(configs)]);
    this.#set.set(name, new Set(configs.keys()));
  }

  async #alter(name: string, wanted: ReadonlyMap<string, string>, current: ReadonlyMap<string, string>): Promise<void> {
    const { to } = this.#setup;
    const set = this.#set.get(name) ?? new Set<string>();
    this.#set.set(name, set);
    for (const [key, value] of wanted) {
      if (current.get(key) === value || this.#refused.get(name)?.has(key)) continue;
      if (await isRefused(to.alterConfigs(name, [{ key, op: 'set', value }]))) this.#leaveOut(name, [key, value]);
      else set.add(key);
    }
    for (const key of [...set].filter((one) => !wanted.has(one))) {
      await to.alterConfigs(name, [{ key, op: 'delete' }]);
      set.delete(key);
    }
  }

  #leaveOut(name: string, [key, value]: readonly [string, string]): void {
    const refused = this.#refused.get(name) ?? new Set();
    this.#refused.set(name, refused.add(key));
    this.#setup.onNotice(`${name}: the target does not take ${key}=${value}; it is left out`);
  }
}

async function isRefused(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return false;
  } catch (error) {
    if (error instanceof BusError && (error.code === 'INVALID_CONFIG' || error.code === 'INVALID_REQUEST')) return true;
    throw error;
  }
}
