/** What the coordinator knows of committed offsets and of quotas, as facts. Topics are meant by id: one made anew under a name is another. */

export interface CommittedRow {
  topicId: string;
  partition: number;
  offset: number;
  leaderEpoch: number;
  metadata: string;
  committedMs: number;
}

export type OffsetFact =
  /** In the order in which they were committed: the last of a partition holds. */
  | { fact: 'offsetsCommitted'; groupId: string; rows: readonly CommittedRow[] }
  /** Deleted on request, or expired. Those of a deleted group or topic go with it, without a fact of their own. */
  | { fact: 'offsetsDropped'; groupId: string; rows: readonly { topicId: string; partition: number }[] };

export type QuotaFact = {
  fact: 'quotaSet';
  /** null: of all that have none of their own. */
  clientId: string | null;
  /** Bytes per second; null: none. Without both nothing is left to remember. */
  producerByteRate: number | null;
  consumerByteRate: number | null;
};
