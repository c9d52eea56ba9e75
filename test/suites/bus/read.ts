/** Reading as the cases of the bus suite do it. */
import type { ConsumedRecord, Consumer } from '../../../src/index.ts';

/** Polls until so many records are here; gives what came when it takes too long, so that the case says what is missing. */
export async function take<K, V, H>(consumer: Consumer<K, V, H>, count: number): Promise<ConsumedRecord<K, V, H>[]> {
  const records: ConsumedRecord<K, V, H>[] = [];
  const endMs = performance.now() + 10_000;
  while (records.length < count && performance.now() < endMs) {
    records.push(...(await consumer.poll({ timeoutMs: 1000, recordsMax: count - records.length })));
  }
  return records;
}

/** What nobody should have sent: whatever comes within a short while. */
export function extra<K, V, H>(consumer: Consumer<K, V, H>): Promise<ConsumedRecord<K, V, H>[]> {
  return consumer.poll({ timeoutMs: 100 });
}

/** The code that a promise is refused with; 'none' when it is not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
