/** A module of handlers of batches that fails once, half way. */
import { appendFileSync } from 'node:fs';
import type { BatchContext, ConsumedBatch } from '../../../src/index.ts';
import { serdes } from '../../../src/index.ts';

export const value = serdes.string;

export function eachBatch(batch: ConsumedBatch<unknown, string>, context: BatchContext): void {
  const records = batch.records();
  appendFileSync(records[0].value as string, `${batch.firstOffset}-${batch.nextOffset}#${context.attempt}\n`);
  if (context.attempt > 1) return;
  context.finished(batch.firstOffset + 1);
  throw new Error('half way');
}
