/** `consumer.transaction`: puts together the transactor and the consumer that it reads from. */
import { goBack, type RunConsumer } from '../run/run.ts';
import { checkDatabase, type SqliteDatabase } from './database.ts';
import { checkTransactionOptions, type TransactionHandler, type TransactionOptions } from './transaction-options.ts';
import { type TransactionReport, Transactor } from './transactor.ts';

export async function runTransactions<K, V, H>(
  consumer: RunConsumer<K, V, H>,
  db: SqliteDatabase,
  handler: TransactionHandler<K, V, H>,
  options: TransactionOptions,
): Promise<TransactionReport> {
  const { dispatcher, groupId } = consumer;
  checkDatabase('consumer.transaction', db);
  const checked = checkTransactionOptions(options, groupId, handler);
  options.signal?.throwIfAborted();
  const seek = (place: { topic: string; partition: number }, offset: number): Promise<void> => consumer.seek(place, offset);
  const transactor = new Transactor({ dispatcher, db, handler, options: checked, assignment: consumer.assignment, seek });
  const work = consumer.employ(transactor);
  const stop = (): void => void transactor.stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    return await transactor.run(work);
  } finally {
    options.signal?.removeEventListener('abort', stop);
    if (!work.closing) await goBack(consumer, work, transactor.positions());
    work.end();
  }
}
