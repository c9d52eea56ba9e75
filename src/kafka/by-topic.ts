/** Rows of partitions, gathered under their topics in the order in which they came. */

export function byTopic<In extends { topic: string }, Row>(
  rows: readonly In[],
  rowOf: (row: In) => Row,
): { name: string; partitions: Row[] }[] {
  const topics = new Map<string, Row[]>();
  for (const row of rows) {
    const known = topics.get(row.topic);
    if (known === undefined) topics.set(row.topic, [rowOf(row)]);
    else known.push(rowOf(row));
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

/** What is named more than once. */
export function namedTwice<T>(names: readonly T[]): Set<T> {
  const seen = new Set<T>();
  const twice = new Set<T>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return twice;
}
