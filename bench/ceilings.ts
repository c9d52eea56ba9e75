/**
 * What the machine itself can do, measured in the same run as what is compared with it: one thread that only encodes, a disk that only
 * appends or only syncs, two threads that only post. Nothing of the bus takes part, apart from the batch writer in the encode-only rate.
 */
import { closeSync, fdatasyncSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { KiB, MiB } from '../src/base/bytes.ts';
import { BatchWriter } from '../src/record/batch-write.ts';
import { percentile, type Sample } from './harness.ts';
import { keyOf, makeValue, writeNumber } from './records.ts';

export const PIECE_BYTES = 128 * KiB;
/** Beyond what the processor caches. */
const SOURCE_BYTES = 64 * MiB;
const NOBODY = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

/** Records a second that this thread encodes into sealed batches, and nothing else. */
export function encodeOnly({
  records,
  valueBytes,
  batchBytes = PIECE_BYTES,
}: {
  records: number;
  valueBytes: number;
  batchBytes?: number;
}): Sample {
  const writer = new BatchWriter({ bytesMax: batchBytes, compression: 0 });
  const value = makeValue(valueBytes);
  const timestampMs = Date.now();
  let sealed = 0;
  const startMs = performance.now();
  for (let i = 0; i < records; i++) {
    writeNumber(value, i);
    if (writer.append(timestampMs, keyOf(i), value, null) >= 0) continue;
    sealed += writer.count;
    writer.seal(NOBODY);
    writer.reset();
    writer.append(timestampMs, keyOf(i), value, null);
  }
  sealed += writer.count;
  writer.seal(NOBODY);
  return { value: records / secondsSince(startMs), check: `${sealed}` };
}

/**
 * Bytes a second of write() of whole pieces at the end of a fresh file. The pieces are different ones, as data are: one piece written again
 * and again stays in the processor's cache and passes a quarter faster than any data could (4.9 against 3.9 GB/s).
 */
export function appendPieces(folder: string, { bytes, pieceBytes = PIECE_BYTES }: { bytes: number; pieceBytes?: number }): Sample {
  return withFile(folder, (fd) => {
    const source = makeValue(Math.ceil(SOURCE_BYTES / pieceBytes) * pieceBytes);
    const startMs = performance.now();
    for (let at = 0; at < bytes; at += pieceBytes) writeSync(fd, source, at % source.length, pieceBytes, at);
    const seconds = secondsSince(startMs);
    const { size } = fstatSync(fd);
    return { value: size / seconds, check: `${size}` };
  });
}

/** Bytes a second of read() of pieces of a file that lies in the page cache. */
export function readPieces(folder: string, { bytes, pieceBytes = PIECE_BYTES }: { bytes: number; pieceBytes?: number }): Sample {
  return withFile(folder, (fd) => {
    const piece = makeValue(pieceBytes);
    for (let at = 0; at < bytes; at += pieceBytes) writeSync(fd, piece, 0, pieceBytes, at);
    let read = 0;
    const startMs = performance.now();
    for (let at = 0; at < bytes; at += pieceBytes) read += readSync(fd, piece, 0, pieceBytes, at);
    return { value: read / secondsSince(startMs), check: `${read}` };
  });
}

/** Times a second that a piece is written and made durable, one after the other. `ahead`: into a file that has its size already. */
export function appendAndSync(
  folder: string,
  { times, pieceBytes, ahead = false }: { times: number; pieceBytes: number; ahead?: boolean },
): Sample {
  return withFile(folder, (fd) => {
    const piece = makeValue(pieceBytes);
    if (ahead) {
      for (let i = 0; i < times; i++) writeSync(fd, piece, 0, pieceBytes, i * pieceBytes);
      fdatasyncSync(fd);
    }
    const startMs = performance.now();
    for (let i = 0; i < times; i++) {
      writeSync(fd, piece, 0, pieceBytes, i * pieceBytes);
      fdatasyncSync(fd);
    }
    const seconds = secondsSince(startMs);
    return { value: times / seconds, check: `${fstatSync(fd).size}` };
  });
}

export interface RoundTrips extends Sample {
  p50Us: number;
  p99Us: number;
}

/** Round trips of an empty post between this thread and another, one at a time. */
export async function postRoundTrips(times: number): Promise<RoundTrips> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (id) => parentPort.postMessage(id));`,
    {
      eval: true,
    },
  );
  const sampleUs = new Float64Array(times);
  const warmups = Math.min(times, 1000);
  try {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let sentMs = 0;
    worker.once('error', reject);
    worker.on('message', (id: number) => {
      if (id >= 0) sampleUs[id] = (performance.now() - sentMs) * 1000;
      if (id + 1 === times) return resolve();
      sentMs = performance.now();
      worker.postMessage(id + 1);
    });
    worker.postMessage(-warmups);
    await promise;
  } finally {
    await worker.terminate();
  }
  sampleUs.sort();
  const p50Us = percentile(sampleUs, 0.5);
  return { value: p50Us, p50Us, p99Us: percentile(sampleUs, 0.99), check: `${times}` };
}

function withFile(folder: string, work: (fd: number) => Sample): Sample {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'ceiling.bin');
  rmSync(path, { force: true });
  const fd = openSync(path, 'w+');
  try {
    return work(fd);
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}

function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / 1000;
}
