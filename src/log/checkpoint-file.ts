/** Writes the small files of a partition folder: checkpoint.ts's, and Kafka's texts beside it. */
import { dirname } from 'node:path';
import { type Disk, readWhole, replaceWhole, writeAll } from '../world/disk.ts';
import { type Checkpoint, type CleanEnd, encodeCheckpoint } from './checkpoint.ts';
import { CHECKPOINT, LEADER_EPOCHS, LOG_START, METADATA, partitionOf } from './files.ts';
import { tolerant } from './index-file.ts';
import { encodeEpochs, encodeLogStart, encodeMetadata } from './kafka-checkpoints.ts';
import { NEXT } from './later-file.ts';
import type { LogState } from './state.ts';

export function checkpointOf(log: LogState, clean: CleanEnd | null): Checkpoint {
  return {
    topicId: log.setup.topicId,
    startOffset: log.deletedBefore,
    recoveryOffset: log.recoveryOffset,
    epochs: log.epochs,
    damages: log.segments.flatMap(({ baseOffset, damages }) =>
      damages.map(({ firstOffset, nextOffset, position, length }) => ({ firstOffset, nextOffset, segment: baseOffset, position, length })),
    ),
    clean,
  };
}

export function cleanEndOf({ active, endOffset }: LogState): CleanEnd {
  return { segment: active.baseOffset, endOffset, mark: active.mark() };
}

/** Replaces the checkpoint and syncs it. For what must hold after power loss: the log start offset, quarantined ranges. */
export function saveCheckpoint(log: LogState): void {
  if (log.folder === null) return;
  log.openedAs = null;
  log.checkpointFile.supersede();
  replaceWhole(log.disk, `${log.folder}/${CHECKPOINT}`, encodeCheckpoint(checkpointOf(log, null)));
}

/** Replaces the checkpoint, and the leader epochs if they changed, off the turn. */
export function saveCheckpointLater(log: LogState): void {
  if (log.folder === null) return;
  const { disk, folder } = log;
  log.openedAs = null;
  const isClosed = (): boolean => log.closed;
  const content = (): Buffer => encodeCheckpoint(checkpointOf(log, null));
  log.checkpointFile.save({ disk, path: `${folder}/${CHECKPOINT}`, content, isClosed, failed: () => {} });
  if (!log.epochsChanged) return;
  log.epochsChanged = false;
  const failed = (): void => {
    log.epochsChanged = true;
  };
  const epochs = (): Buffer => Buffer.from(encodeEpochs(log.epochs));
  log.epochsFile.save({ disk, path: `${folder}/${LEADER_EPOCHS}`, content: epochs, isClosed, failed });
}

/** The checkpoint of a clean close. It needs no sync: when it is lost, the next start walks. */
export function saveCleanCheckpoint(log: LogState, clean: CleanEnd): void {
  const { disk, folder } = log;
  if (log.epochsChanged || log.epochsFile.runs) {
    log.epochsFile.supersede();
    replaceUnsynced(disk, `${folder}/${LEADER_EPOCHS}`, Buffer.from(encodeEpochs(log.epochs)));
    log.epochsChanged = false;
  }
  const bytes = encodeCheckpoint(checkpointOf(log, clean));
  const isRunning = log.checkpointFile.runs || log.epochsFile.runs;
  log.checkpointFile.supersede();
  replaceUnsynced(disk, `${folder}/${CHECKPOINT}`, bytes);
  if (!isRunning) return;
  tolerant(() => {
    disk.remove(`${folder}/${CHECKPOINT}${NEXT}`);
    disk.remove(`${folder}/${LEADER_EPOCHS}${NEXT}`);
  });
}

/** Kafka's own copy of the log start offset, after our own says so. */
export function saveLogStart(log: LogState): void {
  const name = log.folder === null ? null : partitionOf(log.folder);
  if (name === null) return;
  replaceWhole(log.disk, `${log.folder}/${LOG_START}`, Buffer.from(encodeLogStart(name.topic, name.partition, log.deletedBefore)));
}

export function saveMetadata(log: LogState): void {
  const file = log.disk.open(`${log.folder}/${METADATA}`, 'create');
  try {
    if (file.size() > 0) file.truncate(0);
    writeAll(file, [Buffer.from(encodeMetadata(log.setup.topicId))], 0);
  } finally {
    file.close();
  }
}

/** Writes Kafka's texts anew where they do not say what the log knows, as after a crash between a file and its copy. */
export function mendTexts(log: LogState, names: readonly string[]): void {
  const of = log.folder === null ? null : partitionOf(log.folder);
  const mend = (name: string, wanted: string): void => {
    const path = `${log.folder}/${name}`;
    if (!names.includes(name) || readWhole(log.disk, path)?.toString('latin1') === wanted) return;
    tolerant(() => replaceWhole(log.disk, path, Buffer.from(wanted)));
  };
  mend(LEADER_EPOCHS, encodeEpochs(log.epochs));
  if (of !== null) mend(LOG_START, encodeLogStart(of.topic, of.partition, log.deletedBefore));
}

/** Replaces a file for whoever reads it next; after power loss it may be the old one, the new one, or damaged. */
export function replaceUnsynced(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.open(`${path}.tmp`, 'create');
  try {
    file.truncate(0);
    writeAll(file, [bytes], 0);
  } finally {
    file.close();
  }
  disk.rename(`${path}.tmp`, path);
}

/** The folder that holds the partition's folder. */
export function dataFolderOf(log: LogState): string {
  return dirname(log.folder ?? '/');
}
