/** What the auditor lets pass after a power loss, and what it does not. */
import { describe, expect, test } from 'vitest';
import { Auditor, type SeenRecord } from './auditor.ts';
import { makeValue, type Safety } from './shadow.ts';

const RECORDS = 6;
const BYTES = 8;

/** One partition into which records were sent, each acknowledged as this safe. */
function audited(claimed: Safety): { auditor: Auditor; recordAt: (offset: number) => SeenRecord; scan: (from: number) => void } {
  const auditor = new Auditor(() => 0);
  auditor.topicMade('a', { durability: 'memory', partitions: 1 });
  const source = auditor.source({ exact: true, ordered: true });
  for (let offset = 0; offset < RECORDS; offset++) {
    const sent = auditor.sending({ source, topic: 'a', partition: 0, key: null, valueBytes: BYTES, timestampMs: 0 });
    auditor.acked(sent, { partition: 0, offset, claimed });
  }
  const recordAt = (offset: number): SeenRecord => ({
    topic: 'a',
    partition: 0,
    offset,
    timestamp: 0,
    rawKey: null,
    rawValue: makeValue(offset, BYTES),
  });
  const scan = (startOffset: number): void => {
    const records = Array.from({ length: RECORDS - startOffset }, (_, i) => recordAt(startOffset + i));
    auditor.scanned({ topic: 'a', partition: 0, startOffset, endOffset: RECORDS, records, quarantined: [] }, 2);
  };
  return { auditor, recordAt, scan };
}

const reader = (next: number) => ({ name: 'reader', topic: 'a', partition: 0, next });

describe('a power loss that takes the front of a log', () => {
  test('leaves a reader that seeks there where the log begins now', () => {
    const { auditor, recordAt, scan } = audited(1);
    auditor.lost('power');
    scan(3);
    const cursor = reader(1);
    auditor.read(cursor, recordAt(3));
    auditor.passedOver(reader(0), 3);
    expect(auditor.violations).toEqual([]);
    expect(cursor.next).toBe(4);
  });

  test('excuses nothing that the log still holds', () => {
    const { auditor, recordAt, scan } = audited(1);
    auditor.lost('power');
    scan(3);
    auditor.read(reader(1), recordAt(4));
    auditor.passedOver(reader(1), 5);
    expect(auditor.violations).toEqual(['reader: a-0@4: 3 was due and never came', 'reader: a-0: 3 was due and never came']);
  });

  test('may not take what was promised to survive it', () => {
    const { auditor, scan } = audited(3);
    auditor.lost('power');
    scan(3);
    expect(auditor.violations).toHaveLength(3);
    expect(auditor.violations[0]).toBe('a-0@0 (record 0) was removed, though nothing asked for it');
  });

  test('is needed for it: without one the front is due', () => {
    const { auditor, recordAt, scan } = audited(1);
    auditor.read(reader(1), recordAt(3));
    expect(auditor.violations).toEqual(['reader: a-0@3: 1 was due and never came']);
    scan(3);
    expect(auditor.violations).toHaveLength(4);
  });
});
