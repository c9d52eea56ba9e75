/** The reading thread of the lmdb peer. */
import { KEY_BYTES } from '../records.ts';
import { openQueue } from './lmdb.ts';
import { serveReader } from './reader-thread.ts';

serveReader((path) => {
  const queue = openQueue(path);
  let next = 1;
  return {
    readNew(take) {
      // A read transaction sees what was committed when it began, and lmdb keeps one open for a while.
      queue.resetReadTxn();
      for (const { key, value } of queue.getRange({ start: next })) {
        take(value, KEY_BYTES, value);
        next = key + 1;
      }
    },
    close: () => queue.close(),
  };
});
