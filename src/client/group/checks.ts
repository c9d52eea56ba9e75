/** Checks of what is to be committed. */
import { checkInteger, checkList, checkNames, checkText } from '../check.ts';
import type { OffsetCommit } from './participation.ts';

/** Throws BusError INVALID_ARGUMENT. */
export function checkOffsetCommits(offsets: unknown): OffsetCommit[] {
  return checkList('what commit takes', offsets).map((one) => {
    checkNames('commit', one, ['topic', 'partition', 'offset', 'metadata', 'leaderEpoch']);
    const { topic, partition, offset, metadata, leaderEpoch } = one as Partial<OffsetCommit>;
    return {
      topic: checkText('topic', topic),
      partition: checkInteger('partition', partition, 0, 2 ** 31 - 1),
      offset: checkInteger('offset', offset, 0, Number.MAX_SAFE_INTEGER),
      ...(metadata === undefined ? {} : { metadata: checkText('metadata', metadata) }),
      ...(leaderEpoch === undefined ? {} : { leaderEpoch: checkInteger('leaderEpoch', leaderEpoch, -1, 2 ** 31 - 1) }),
    };
  });
}
