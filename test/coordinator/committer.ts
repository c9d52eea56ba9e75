/** A process of its own that commits offsets: `node committer.ts FOLDER [COUNT]`, until it is killed or has so many. Prints each once it is committed. */
import { writeSync } from 'node:fs';
import { openStore } from '../../src/coordinator/store.ts';
import { realDisk } from '../../src/world/disk.ts';

const store = openStore({ folder: process.argv[2], disk: realDisk, pid: process.pid });
const group = { groupId: 'g', type: 'classic', epoch: 0, assignmentEpoch: 0, assignor: '', protocolType: '', leader: '' } as const;
store.commit(
  [
    { fact: 'busMade', busId: 'b', hosts: 1 },
    { fact: 'topicCreated', epoch: 1, name: 't', topicId: 't', slots: [0], configs: {}, createdMs: 0 },
    { fact: 'groupReplaced', group: { ...group, topicsDigest: '', emptySinceMs: 0 }, members: [] },
  ],
  { synced: true },
);
const count = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);
for (let offset = 0; offset < count; offset++) {
  const row = { topicId: 't', partition: 0, offset, leaderEpoch: -1, metadata: '', committedMs: 0 };
  store.commit([{ fact: 'offsetsCommitted', groupId: 'g', rows: [row] }], { synced: offset % 50 === 0 });
  writeSync(1, `${offset}\n`);
}
