/** What the small files of a partition folder say, read with every copy of a fact in mind: our own checkpoint, then Kafka's texts. */
import { type Disk, readWhole } from '../world/disk.ts';
import { type Checkpoint, decodeCheckpoint } from './checkpoint.ts';
import { CHECKPOINT, LEADER_EPOCHS, LOG_START, METADATA } from './files.ts';
import { decodeEpochs, decodeLogStart, decodeMetadata } from './kafka-checkpoints.ts';

export interface FolderFacts {
  /** Our own checkpoint; null when there is none that is sound. */
  own: Checkpoint | null;
  /** As partition.metadata says; null when it is not there or not sound. */
  topicId: string | null;
  /** Names of files that are there and not sound. */
  damaged: string[];
  /** Our own checkpoint, or one made of what Kafka's texts say. */
  checkpoint: Checkpoint;
}

export function readFolderFacts(disk: Disk, folder: string, names: readonly string[]): FolderFacts {
  const damaged: string[] = [];
  const read = <T>(name: string, decode: (bytes: Buffer) => T | null): T | null => {
    if (!names.includes(name)) return null;
    const bytes = readWhole(disk, `${folder}/${name}`);
    const decoded = bytes === null ? null : decode(bytes);
    // Power loss leaves the name of a file that was written and not synced, and none of its bytes.
    if (bytes !== null && bytes.length > 0 && decoded === null) damaged.push(name);
    return decoded;
  };
  const topicId = read(METADATA, (bytes) => decodeMetadata(bytes.toString('latin1')));
  const own = read(CHECKPOINT, decodeCheckpoint);
  if (own !== null) return { own, topicId, damaged, checkpoint: own };
  const startOffset = read(LOG_START, (bytes) => decodeLogStart(bytes.toString('latin1'))) ?? 0;
  const epochs = read(LEADER_EPOCHS, (bytes) => decodeEpochs(bytes.toString('latin1'))) ?? [];
  const checkpoint: Checkpoint = { topicId: topicId ?? '', startOffset, recoveryOffset: 0, epochs, damages: [], clean: null };
  return { own, topicId, damaged, checkpoint };
}
