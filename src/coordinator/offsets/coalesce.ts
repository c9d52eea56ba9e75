/**
 * Of the offsets that a turn commits only the last of each partition counts: a list of facts with as few rows as lead to the same state.
 * What lies between two commits of other kinds stays between them.
 */
import type { StoredFact } from '../facts.ts';
import type { CommittedRow } from './facts.ts';

export function coalesceOffsets(facts: readonly StoredFact[]): StoredFact[] {
  const kept: StoredFact[] = [];
  /** Rows by partition, by group; commits since the last fact of another kind. */
  let pending = new Map<string, Map<string, CommittedRow>>();
  const flush = (): void => {
    for (const [groupId, rows] of pending) kept.push({ fact: 'offsetsCommitted', groupId, rows: [...rows.values()] });
    if (pending.size > 0) pending = new Map();
  };
  for (const fact of facts) {
    if (fact.fact !== 'offsetsCommitted') {
      flush();
      kept.push(fact);
      continue;
    }
    let rows = pending.get(fact.groupId);
    if (rows === undefined) {
      rows = new Map();
      pending.set(fact.groupId, rows);
    }
    for (const row of fact.rows) rows.set(`${row.topicId} ${row.partition}`, row);
  }
  flush();
  return kept;
}
