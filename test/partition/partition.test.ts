import { expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { Partition } from '../../src/partition/partition.ts';
import { Sequences } from '../../src/partition/sequences.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { config, fill, openLog, TOPIC_ID, world } from '../log/fixtures.ts';

const spec = { slot: 0, topic: 'flights', topicId: TOPIC_ID, partition: 0, leaderEpoch: 0, config };

test('is described although the disk does not tell how long its files are', () => {
  const disk = new MemoryDisk();
  const w = world(disk);
  const before = openLog(w, { segmentBytes: 300 });
  fill(before, 9);
  const { logBytes } = before;
  before.close(true);
  // A clean start looks at the last segment alone.
  const partition = new Partition(spec, openLog(w, {}, { clean: true }), new Sequences(), { state: () => {} });
  disk.onCall = ({ operation }) => (operation === 'stat' ? 'EIO' : null);
  expect(partition.describe()).toMatchObject({ error: errors.KAFKA_STORAGE_ERROR.code, logBytes: 0, endOffset: 9, state: 'online' });
  disk.onCall = null;
  expect(partition.describe()).toMatchObject({ error: 0, logBytes });
});
