/** A process of its own that owns a data folder until it is told otherwise: `node owner.ts FOLDER`. Prints a line per step. */
import { openStore } from '../../src/coordinator/store.ts';
import { realDisk } from '../../src/world/disk.ts';

try {
  const store = openStore({ folder: process.argv[2], disk: realDisk, pid: process.pid });
  if (store.load().length === 0) store.commit([{ fact: 'busMade', busId: 'owned', hosts: 1 }], { synced: true });
  store.commit([{ fact: 'producerIdsReserved', from: 5000, upTo: 6000 }], { synced: true });
  console.log('open');
  process.stdin.on('data', () => {
    store.checkpoint();
    store.close();
    console.log('closed');
    process.exit(0);
  });
} catch (error) {
  console.log(String(error));
  process.exit(1);
}
