/**
 * What the coordinator knows, as a list of facts: a turn's decision is facts, the store keeps facts, and a start is the stored
 * facts applied to an empty state. Nothing else changes the state.
 */
import type { Configs } from './config-values.ts';
import type { GroupConfigFact, GroupFact, StoredGroupFact } from './groups/facts.ts';
import type { OffsetFact, QuotaFact } from './offsets/facts.ts';

export type Fact = TopicFact | GroupFact | OffsetFact | QuotaFact | GroupConfigFact;

/** Facts that a store keeps; the others are known while the coordinator lives. */
export type StoredFact = Exclude<TopicFact, { fact: 'producerIdGiven' }> | StoredGroupFact | OffsetFact | QuotaFact | GroupConfigFact;

export type TopicFact =
  /** A data folder's first start, or the first with another number of hosts (then slots follow in `slotsMoved`). */
  | { fact: 'busMade'; busId: string; hosts: number }
  /** `slots` holds the slot of partition 0, 1, 2 …; the host of a slot is slot mod hosts. */
  | { fact: 'topicCreated'; epoch: number; name: string; topicId: string; slots: readonly number[]; configs: Configs; createdMs: number }
  | { fact: 'partitionsAdded'; epoch: number; topicId: string; slots: readonly number[] }
  | { fact: 'configsChanged'; epoch: number; topicId: string; configs: Configs }
  | { fact: 'slotsMoved'; topicId: string; slots: readonly number[] }
  /** From now on the topic is unknown to clients; its hosts remove its files. */
  | { fact: 'topicDeleting'; epoch: number; topicId: string }
  /** Every host has: its slots are free again. */
  | { fact: 'topicDeleted'; topicId: string }
  /** The metadata epoch that was reached; written along with the facts that raise it, so that it never goes back. */
  | { fact: 'epochReached'; epoch: number }
  /** The block that ids are given from. Once it is stored no start gives from it again: the store answers `from` = `upTo`. */
  | { fact: 'producerIdsReserved'; from: number; upTo: number }
  /** Not stored: the block that holds it is. */
  | { fact: 'producerIdGiven'; producerId: number };

export function isStoredFact(fact: Fact): fact is StoredFact {
  // An id that is given needs no write: its block is reserved.
  return fact.fact !== 'producerIdGiven' && fact.fact !== 'groupMoved';
}

/**
 * Whether a fact has to survive a power loss before anybody hears of it. What groups do and commit has to survive the process; after
 * the machine they go on from a little earlier, as in Kafka, but for commits that ask for more. What administrators set is kept.
 */
export function mustBeSynced({ fact }: StoredFact): boolean {
  if (fact === 'groupConfigSet') return true;
  return !fact.startsWith('group') && !fact.startsWith('member') && fact !== 'offsetsCommitted' && fact !== 'offsetsDropped';
}

/** Where facts outlive the thread. Only store.ts knows SQLite; a bus without a folder has no store at all. */
export interface Store {
  /** Facts that lead to the present state, in the order to be applied. Empty when the folder is new or its database was lost. */
  load(): Fact[];
  /**
   * All of them or none. On return they survive the end of the process, and with `synced` that of the machine, as does all that was
   * committed before. Throws when they cannot be written.
   */
  commit(facts: readonly Fact[], options: { synced: boolean }): void;
  /** Moves everything into the database file, so that what is left on disk after `close` is one file. */
  checkpoint(): void;
  /** Gives the data folder free. */
  close(): void;
  /** Path to which a damaged database was moved aside, or null. */
  readonly damaged: string | null;
}
