/** A module of handlers, as a user's: its records say what it is to do. */
import type { ConsumedRecord, HandlerContext } from '../../../src/index.ts';
import { BusError, serdes } from '../../../src/index.ts';

export const value = serdes.string;

export async function eachRecord(record: ConsumedRecord<unknown, string>, { attempt, signal }: HandlerContext): Promise<void> {
  const [what, file] = (record.value as string).split(' ');
  if (what === 'die' && attempt < 2) process.exit(3);
  if (what === 'throw') throw new TypeError(`no luck with ${record.offset}`);
  if (what === 'refuse') throw new BusError('INVALID_DATA', 'it will never do');
  if (what === 'hang') await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  if (file !== undefined) {
    const { appendFileSync } = await import('node:fs');
    appendFileSync(file, `${record.partition}:${record.offset}#${attempt}\n`);
  }
}
