/** The reading thread of the SQLite peer. */
import Database from 'better-sqlite3';
import { serveReader } from './reader-thread.ts';
import { selectNew } from './sqlite.ts';

serveReader((path) => {
  const database = new Database(path, { readonly: true });
  const select = database.prepare(selectNew).raw();
  let last = 0;
  return {
    readNew(take) {
      for (;;) {
        const rows = select.all(last) as [number, Buffer, Buffer][];
        for (const [id, key, value] of rows) {
          take(value, 0, key);
          last = id;
        }
        if (rows.length === 0) return;
      }
    },
    close: () => void database.close(),
  };
});
