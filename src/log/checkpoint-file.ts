/** Writes the small files of a partition folder: checkpoint.ts's, and Kafka's texts beside it. */
import { dirname } from 'node:path';
import { type DiskError, replaceWhole, writeAll } from '../world/disk.ts';
import { type Checkpoint, type CleanEnd, encodeCheckpoint } from './checkpoint.ts';
import { CHECKPOINT, LEADER_EPOCHS, LOG_START, METADATA, partitionOf } from './files.ts';
import { tolerant } from './index-file.ts';
import { encodeEpochs, encodeLogStart, encodeMetadata } from './kafka-checkpoints.ts';
import type { LogState } from './state.ts';

const NEXT = '.next';

export function checkpointOf(log: LogState, clean: CleanEnd | null): Checkpoint {
  return {
    topicId: log.setup.topicId,
    startOffset: log.startOffset,
    recoveryOffset: log.recoveryOffset,
    epochs: log.epochs,
    damages: log.segments.flatMap(({ baseOffset, damages }) =>
      damages.map(({ firstOffset, nextOffset, position, length }) => ({ firstOffset, nextOffset, segment: baseOffset, position, length })),
    ),
    clean,
  };
}

/** Replaces the checkpoint and syncs it. For what must hold after power loss: the log start offset, quarantined ranges. */
export function saveCheckpoint(log: LogState): void {
  if (log.folder === null) return;
  log.checkpointGeneration++;
  replaceWhole(log.disk, `${log.folder}/${CHECKPOINT}`, encodeCheckpoint(checkpointOf(log, null)));
  saveEpochs(log);
}

/**
 * Replaces the checkpoint off the turn: written at once, renamed when it is synced. For facts that a start can find again:
 * the recovery offset, leader epochs. A checkpoint that is saved in the meantime is newer, and wins.
 */
export function saveCheckpointLater(log: LogState): void {
  if (log.folder === null || log.checkpointRuns) return;
  const path = `${log.folder}/${CHECKPOINT}`;
  const generation = ++log.checkpointGeneration;
  tolerant(() => {
    saveEpochs(log);
    log.disk.remove(path + NEXT);
    const file = log.disk.open(path + NEXT, 'create');
    try {
      writeAll(file, [encodeCheckpoint(checkpointOf(log, null))], 0);
      log.checkpointRuns = true;
      file.syncLater((error: DiskError | null) => {
        log.checkpointRuns = false;
        if (error !== null || log.closed || generation !== log.checkpointGeneration) return;
        tolerant(() => log.disk.rename(path + NEXT, path));
      });
    } finally {
      file.close();
    }
  });
}

/** The checkpoint of a clean close. It needs no sync: when it is lost, the next start walks. */
export function saveCleanCheckpoint(log: LogState, clean: CleanEnd): void {
  const path = `${log.folder}/${CHECKPOINT}`;
  log.checkpointGeneration++;
  saveEpochs(log);
  const file = log.disk.open(`${path}.tmp`, 'create');
  try {
    const bytes = encodeCheckpoint(checkpointOf(log, clean));
    file.truncate(0);
    writeAll(file, [bytes], 0);
  } finally {
    file.close();
  }
  log.disk.rename(`${path}.tmp`, path);
  tolerant(() => log.disk.remove(path + NEXT));
}

/** Kafka's own copy of the log start offset, after our own says so. */
export function saveLogStart(log: LogState): void {
  const name = log.folder === null ? null : partitionOf(log.folder);
  if (name === null) return;
  replaceWhole(log.disk, `${log.folder}/${LOG_START}`, Buffer.from(encodeLogStart(name.topic, name.partition, log.startOffset)));
}

export function saveMetadata(log: LogState): void {
  replaceUnsynced(log, `${log.folder}/${METADATA}`, encodeMetadata(log.setup.topicId));
}

function saveEpochs(log: LogState): void {
  if (!log.epochsChanged) return;
  if (tolerant(() => replaceUnsynced(log, `${log.folder}/${LEADER_EPOCHS}`, encodeEpochs(log.epochs)))) log.epochsChanged = false;
}

function replaceUnsynced(log: LogState, path: string, text: string): void {
  const file = log.disk.open(`${path}.tmp`, 'create');
  try {
    file.truncate(0);
    writeAll(file, [Buffer.from(text)], 0);
  } finally {
    file.close();
  }
  log.disk.rename(`${path}.tmp`, path);
}

/** The folder that holds the partition's folder. */
export function dataFolderOf(log: LogState): string {
  return dirname(log.folder ?? '/');
}
