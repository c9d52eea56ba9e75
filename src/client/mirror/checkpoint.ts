/**
 * How far a partition is mirrored, as the mirror's group commits it on the target: the offset is the target's, and its metadata says what it
 * corresponds to. A bounded text in 36 digits:
 *
 *   1;<topic id>;<next source offset>;<source>:<target>[~] …      version, the source's topic, and the runs of OffsetMap; ~ is coarse
 */
import { BusError } from '../../base/errors.ts';
import { OffsetMap, type Run } from './offset-map.ts';

const VERSION = '1';

/** The metadata to commit with the offset `map.nextTarget`. */
export function checkpointText(topicId: string, map: OffsetMap): string {
  const runs = map.runs.map(({ source, target, coarse }) => `${source.toString(36)}:${target.toString(36)}${coarse ? '~' : ''}`);
  return [VERSION, topicId, map.nextSource.toString(36), runs.join(' ')].join(';');
}

export interface Checkpoint {
  topicId: string;
  map: OffsetMap;
}

/** Reads one back. Throws BusError INVALID_DATA for what no mirror has committed. */
export function readCheckpoint(place: string, offset: number, text: string): Checkpoint {
  const match = /^1;([0-9a-f]{32});([0-9a-z]+);((?:[0-9a-z]+:[0-9a-z]+~?(?: |$))+)$/.exec(text);
  if (match === null) throw noCheckpoint(place, text);
  const [, topicId, nextSource, runsText] = match;
  const runs: Run[] = runsText.split(' ').map((run) => {
    const [source, target] = run.replace('~', '').split(':');
    return { source: parseInt(source, 36), target: parseInt(target, 36), coarse: run.endsWith('~') };
  });
  const map = new OffsetMap(parseInt(nextSource, 36), offset, runs);
  const rises = runs.every(({ source, target }, i) => i === 0 || (source > runs[i - 1].source && target > runs[i - 1].target));
  const last = runs[runs.length - 1];
  if (!rises || last.target > offset || last.source > map.nextSource) throw noCheckpoint(place, text);
  return { topicId, map };
}

function noCheckpoint(place: string, text: string): BusError {
  const what = `what is committed of ${place} is not a mirror's: another program uses this group; give the mirror another name`;
  return new BusError('INVALID_DATA', what, { details: { metadata: text.slice(0, 200) } });
}
