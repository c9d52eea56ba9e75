/** Takes records whose values hold due times, and logs how late each one came to the consumer's hands. */
import { RecordCursor } from '../src/index.ts';
import type { RawConsumer } from './bus.ts';
import { DelayLog, nowUs } from './pace.ts';
import { DUE_AT, readNumber } from './records.ts';

export async function takeTimed(consumer: RawConsumer, count: number): Promise<DelayLog> {
  const delays = new DelayLog(count);
  const cursor = new RecordCursor();
  for await (const batch of consumer.batches()) {
    batch.cursor(cursor);
    while (cursor.next()) {
      const { bytes, valueAt } = cursor;
      delays.add(readNumber(bytes, valueAt), nowUs() - bytes.readDoubleLE(valueAt + DUE_AT));
    }
    if (delays.done) break;
  }
  return delays;
}
