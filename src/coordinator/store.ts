/**
 * Facts in SQLite, in the tables of store/schema.ts. The database is also the lock of the folder: it is opened in exclusive locking
 * mode, so a second owner is refused, and the kernel frees the lock of an owner that died. (While it is open nothing else in this
 * process may open and close its file: that would drop the lock.)
 *
 * A transaction is in the write-ahead log when `commit` returns, and so survives the end of the process; one that is `synced` is on the
 * disk too, with all that were committed before it.
 */
import { join } from 'node:path';
import { BusError } from '../base/errors.ts';
import { type Disk, DiskError, writeAll } from '../world/disk.ts';
import { type Fact, isStoredFact, type Store, type StoredFact } from './facts.ts';
import { databaseName, ownerName } from './folder.ts';
import { GroupTables } from './store/group-tables.ts';
import { OffsetTables } from './store/offset-tables.ts';
import { codeOf, isDamage, openDatabase, refusalOf, type Sqlite } from './store/sqlite.ts';
import { TopicTables } from './store/topic-tables.ts';

export { SCHEMA_VERSION } from './store/schema.ts';

/**
 * Opens, or makes, the database of a data folder and so takes the folder.
 *
 * @throws BusError FOLDER_LOCKED (another owner; its pid is in the message and in `details.pid`), FOLDER_INVALID (no database of
 * ours, a newer one, or not accessible), DISK_FULL.
 */
export function openStore(options: { folder: string; disk: Disk; pid: number }): Store {
  const { folder, disk, pid } = options;
  disk.makeFolder(folder);
  const path = join(folder, databaseName);
  let damaged: string | null = null;
  let database: Sqlite;
  try {
    database = openDatabase(path);
  } catch (error) {
    if (!isDamage(error)) throw refusalOf(error, folder, disk);
    damaged = moveAside(disk, folder);
    try {
      database = openDatabase(path);
    } catch (second) {
      throw refusalOf(second, folder, disk);
    }
  }
  writeOwner(disk, join(folder, ownerName), pid);
  return new SqliteStore(database, { damaged, forgetOwner: () => onDisk(() => disk.remove(join(folder, ownerName))) });
}

/** Keeps a damaged database, with its write-ahead log, for whoever wants to look into it. */
function moveAside(disk: Disk, folder: string): string {
  const names = disk.list(folder);
  let number = 1;
  while (names.includes(`${databaseName}.damaged-${number}`)) number++;
  const aside = join(folder, `${databaseName}.damaged-${number}`);
  for (const suffix of ['', '-wal', '-shm']) {
    if (names.includes(`${databaseName}${suffix}`)) disk.rename(join(folder, `${databaseName}${suffix}`), `${aside}${suffix}`);
  }
  disk.syncFolder(folder);
  return aside;
}

/** Not synced: after a power loss nobody owns the folder. */
function writeOwner(disk: Disk, path: string, pid: number): void {
  onDisk(() => {
    const file = disk.open(path, 'create');
    try {
      file.truncate(0);
      writeAll(file, [Buffer.from(`${pid}\n`)], 0);
    } finally {
      file.close();
    }
  });
}

/** The owner's pid is a courtesy: a full or failing disk must not keep a bus from being opened or closed for want of it. */
function onDisk(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

class SqliteStore implements Store {
  readonly damaged: string | null;
  readonly #database: Sqlite;
  readonly #forgetOwner: () => void;
  readonly #write: (facts: readonly StoredFact[]) => void;
  readonly #topics: TopicTables;
  readonly #groups: GroupTables;
  readonly #offsets: OffsetTables;
  #isSyncing = true;

  constructor(database: Sqlite, options: { damaged: string | null; forgetOwner: () => void }) {
    this.#database = database;
    this.damaged = options.damaged;
    this.#forgetOwner = options.forgetOwner;
    const topics = new TopicTables(database);
    const groups = new GroupTables(database);
    this.#topics = topics;
    this.#groups = groups;
    this.#offsets = new OffsetTables(database, {
      groupKey: (groupId) => groups.keyOf(groupId),
      topicKey: (topicId) => topics.keyOf(topicId),
    });
    this.#write = database.transaction((facts: readonly StoredFact[]) => {
      for (const fact of facts) this.#writeFact(fact);
      this.#offsets.flush();
    });
  }

  load(): Fact[] {
    const topics = this.#topics.load();
    if (topics.length === 0) return [];
    const groups = this.#groups.load();
    const offsets = this.#offsets.load(this.#groups.ids(), this.#topics.ids());
    return [...topics, ...groups, ...offsets, ...this.#offsets.loadQuotas(), ...this.#offsets.loadGroupConfigs()];
  }

  commit(facts: readonly Fact[], { synced }: { synced: boolean }): void {
    const stored = facts.filter(isStoredFact);
    if (stored.length === 0) return;
    try {
      this.#sync(synced);
      this.#write(stored);
    } catch (error) {
      this.#offsets.forget();
      this.#groups.forgetKeys();
      this.#topics.forgetKeys();
      if (codeOf(error) === '') throw error;
      if (codeOf(error) === 'SQLITE_FULL') {
        throw new BusError('DISK_FULL', `there is no space left for ${this.#database.name}: free some`, { cause: error });
      }
      throw new BusError('KAFKA_STORAGE_ERROR', `${this.#database.name} cannot be written: ${error}`, { cause: error });
    }
  }

  checkpoint(): void {
    this.#database.pragma('wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    if (!this.#database.open) return;
    try {
      // While the lock is still held: the next owner writes its own.
      this.#forgetOwner();
    } finally {
      this.#database.close();
    }
  }

  /** Whether the next transactions wait for the disk. A sync of the write-ahead log takes along what was written before. */
  #sync(synced: boolean): void {
    if (this.#isSyncing === synced) return;
    this.#database.pragma(`synchronous = ${synced ? 'FULL' : 'NORMAL'}`);
    this.#isSyncing = synced;
  }

  #writeFact(fact: StoredFact): void {
    switch (fact.fact) {
      case 'offsetsCommitted':
      case 'offsetsDropped':
        return this.#offsets.write(fact);
      case 'quotaSet':
        return this.#offsets.writeQuota(fact);
      case 'groupConfigSet':
        return this.#offsets.writeGroupConfig(fact);
      case 'groupGone':
        this.#offsets.dropGroup(fact.groupId);
        return this.#groups.write(fact);
      case 'groupReplaced':
      case 'groupChanged':
      case 'memberChanged':
      case 'memberGone':
        return this.#groups.write(fact);
      case 'topicDeleting':
        this.#offsets.dropTopic(fact.topicId);
        return this.#topics.write(fact);
      default:
        return this.#topics.write(fact);
    }
  }
}
