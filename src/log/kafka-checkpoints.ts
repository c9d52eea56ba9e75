/**
 * The small text files of a partition folder in Apache Kafka's formats. They are what Kafka's own tools expect; the same facts are
 * in checkpoint.ts with a checksum, and either copy alone is enough.
 *
 *   leader-epoch-checkpoint       version 0, count, then `<epoch> <start offset>` per line, both ascending
 *   log-start-offset-checkpoint   version 0, count 1, then `<topic> <partition> <offset>`
 *   partition.metadata            `version: 0`, `topic_id: <22 characters of URL-safe base64>`
 */

/** A leader epoch and the first offset written in it. */
export interface EpochStart {
  epoch: number;
  startOffset: number;
}

export function encodeEpochs(epochs: readonly EpochStart[]): string {
  return `0\n${epochs.length}\n${epochs.map(({ epoch, startOffset }) => `${epoch} ${startOffset}\n`).join('')}`;
}

/** null when the text is not a leader epoch checkpoint whose epochs and offsets ascend. */
export function decodeEpochs(text: string): EpochStart[] | null {
  const lines = linesOf(text);
  if (lines === null) return null;
  const epochs: EpochStart[] = [];
  for (const line of lines) {
    const match = /^(\d{1,10}) (\d{1,16})$/.exec(line);
    if (match === null) return null;
    const next = { epoch: Number(match[1]), startOffset: Number(match[2]) };
    const last = epochs.at(-1);
    if (last !== undefined && (next.epoch <= last.epoch || next.startOffset < last.startOffset)) return null;
    epochs.push(next);
  }
  return epochs;
}

export function encodeLogStart(topic: string, partition: number, offset: number): string {
  return `0\n1\n${topic} ${partition} ${offset}\n`;
}

/** null when the text is not a checkpoint of one offset. */
export function decodeLogStart(text: string): number | null {
  const lines = linesOf(text);
  if (lines?.length !== 1) return null;
  const match = /^\S+ \d{1,10} (\d{1,16})$/.exec(lines[0]);
  return match === null ? null : Number(match[1]);
}

/** `topicId`: 32 hexadecimal digits. */
export function encodeMetadata(topicId: string): string {
  return `version: 0\ntopic_id: ${Buffer.from(topicId, 'hex').toString('base64url')}\n`;
}

/** The topic's id as 32 hexadecimal digits; null when the text is not a partition's metadata. */
export function decodeMetadata(text: string): string | null {
  const match = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?$/.exec(text);
  if (match === null) return null;
  const topicId = Buffer.from(match[1], 'base64url').toString('hex');
  // The last character has bits to spare, which are zero.
  return encodeMetadata(topicId).trimEnd() === text.trimEnd() ? topicId : null;
}

/** The lines after version and count, if there are as many as the count says. */
function linesOf(text: string): string[] | null {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines[0] !== '0' || !/^\d{1,9}$/.test(lines[1] ?? '')) return null;
  return Number(lines[1]) === lines.length - 2 ? lines.slice(2) : null;
}
