/** FindCoordinator, OffsetCommit, OffsetFetch, OffsetDelete: offsets of groups that have no members. */
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../../../src/kafka/api/09-offset-fetch.ts';
import { findCoordinator } from '../../../../src/kafka/api/10-find-coordinator.ts';
import { deleteGroups } from '../../../../src/kafka/api/42-delete-groups.ts';
import { offsetDelete } from '../../../../src/kafka/api/47-offset-delete.ts';
import type { OutgoingRequestOf } from '../../../../src/kafka/schema.ts';
import type { Asker } from '../asking.ts';

export type Commit = OutgoingRequestOf<typeof offsetCommit>;
type Row = Commit['topics'][number]['partitions'][number];
type FetchedGroup = OutgoingRequestOf<typeof offsetFetch>['groups'][number];

/** Version 10 names topics by id, where a broker speaks it. */
const BY_NAME = 9;

export function commitOf(more: Partial<Commit> = {}, row: Partial<Row> = {}): Commit {
  const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: 'm', ...row }];
  return { groupId: 'commits', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: 'committed', partitions }], ...more };
}

const commits: Readonly<Record<string, [Partial<Commit>, Partial<Row>?]>> = {
  'no member': [{}],
  'group without a name': [{ groupId: '' }],
  'new group, generation 5': [{ groupId: 'fresh-1', generationIdOrMemberEpoch: 5 }],
  'new group, a member of generation 5': [{ groupId: 'fresh-2', generationIdOrMemberEpoch: 5, memberId: 'm' }],
  'new group, a member of none': [{ groupId: 'fresh-3', memberId: 'm' }],
  'new group, generation 0': [{ groupId: 'fresh-4', generationIdOrMemberEpoch: 0 }],
  'a stranger': [{ memberId: 'm' }],
  'generation 5': [{ generationIdOrMemberEpoch: 5 }],
  'a static stranger': [{ groupInstanceId: 'i' }],
  'unknown partition': [{}, { partitionIndex: 9 }],
  'metadata of 4097': [{}, { committedMetadata: 'x'.repeat(4097) }],
  'metadata of 4096': [{}, { committedMetadata: 'x'.repeat(4096) }],
  'offset -1': [{ groupId: 'commits-1' }, { committedOffset: -1 }],
  'offset -5': [{ groupId: 'commits-5' }, { committedOffset: -5 }],
  'no metadata': [{}, { committedMetadata: null }],
  'an epoch': [{}, { committedLeaderEpoch: 4 }],
  nothing: [{ topics: [] }],
  'unknown topic': [{ topics: [{ name: 'absent', partitions: commitOf().topics[0].partitions }] }],
  'bad name': [{ topics: [{ name: 'bad name', partitions: commitOf().topics[0].partitions }] }],
  'known and unknown': [{ topics: [...commitOf().topics, { name: 'absent', partitions: commitOf().topics[0].partitions }] }],
};

const fetched: Readonly<Record<string, Partial<FetchedGroup>>> = {
  one: {},
  'unknown group': { groupId: 'nosuch' },
  'unknown topic': { topics: [{ name: 'absent', partitionIndexes: [0] }] },
  'group without a name': { groupId: '' },
  'unknown partition': { topics: [{ name: 'committed', partitionIndexes: [9] }] },
};

export async function commitCases(asker: Asker): Promise<void> {
  await asker.makeTopics({ committed: 2 });
  for (const version of [0, 1, 3, 4, 6]) {
    await asker.ask('a group', findCoordinator, { key: 'g', coordinatorKeys: ['g', 'h'] }, version);
    await asker.ask('no name', findCoordinator, { key: '', coordinatorKeys: [''] }, version);
  }
  await asker.ask('nothing', findCoordinator, { key: '', keyType: 0, coordinatorKeys: [] });
  await asker.ask('type 7', findCoordinator, { key: '', keyType: 7, coordinatorKeys: ['a'] });
  await asker.ask('type 7', findCoordinator, { keyType: 7, key: 'a', coordinatorKeys: [] }, 3);
  await asker.ask('of a share group, no partition', findCoordinator, { key: '', keyType: 2, coordinatorKeys: ['a'] });

  for (const [label, [more, row]] of Object.entries(commits)) await asker.ask(label, offsetCommit, commitOf(more, row), BY_NAME);
  for (const version of [2, 5, 6, 8]) await asker.ask('no member', offsetCommit, commitOf({ retentionTimeMs: -1 }), version);
  await fetchCases(asker);
  await deleteCases(asker);
}

async function fetchCases(asker: Asker): Promise<void> {
  const fetch = (label: string, groups: readonly Partial<FetchedGroup>[], version = BY_NAME, requireStable = false) => {
    const rows = groups.map((one) => ({ groupId: 'commits', topics: [{ name: 'committed', partitionIndexes: [0, 1] }], ...one }));
    const [first] = rows;
    return asker.ask(
      label,
      offsetFetch,
      { groupId: first?.groupId ?? '', topics: first?.topics ?? [], groups: rows, requireStable },
      version,
    );
  };
  for (const version of [1, 2, 5, 7, 8, BY_NAME]) {
    for (const [label, group] of Object.entries(fetched)) await fetch(label, [group], version);
    if (version > 1) await fetch('all', [{ topics: null }], version);
  }
  await fetch('all of an unknown group', [{ groupId: 'nosuch', topics: null }]);
  await fetch('two groups', [{ topics: null }, { groupId: 'nosuch', topics: null }]);
  await fetch('as a stranger', [{ memberId: 'm', memberEpoch: 3, topics: null }]);
  await fetch('as a member of an unknown group', [{ groupId: 'nosuch', memberId: 'm', memberEpoch: 3, topics: null }]);
  await fetch('stable ones', [{ topics: null }], BY_NAME, true);
  await fetch('no topics', [{ topics: [] }]);
  await fetch('one group twice', [{ topics: null }, { topics: null }]);
  await asker.ask('no groups', offsetFetch, { groupId: '', topics: [], groups: [] }, BY_NAME);
}

async function deleteCases(asker: Asker): Promise<void> {
  const remove = (label: string, groupId: string, name: string, partitionIndex: number) =>
    asker.ask(label, offsetDelete, { groupId, topics: [{ name, partitions: [{ partitionIndex }] }] });
  await remove('unknown group', 'nosuch', 'committed', 0);
  await remove('group without a name', '', 'committed', 0);
  await remove('unknown topic', 'commits', 'absent', 0);
  await remove('no commit', 'commits', 'committed', 1);
  await remove('unknown partition', 'commits', 'committed', 9);
  await remove('one', 'commits', 'committed', 0);
  await asker.ask('nothing', offsetDelete, { groupId: 'commits', topics: [] });
  await asker.prepare(offsetCommit, commitOf(), BY_NAME);
  await asker.prepare(offsetCommit, commitOf({ groupId: 'commits-too' }), BY_NAME);
  // Other cases ask for it as a group of offsets alone.
  await asker.prepare(offsetCommit, commitOf({ groupId: 'kept' }), BY_NAME);
  const groups = (label: string, groupsNames: readonly string[]) => asker.ask(label, deleteGroups, { groupsNames });
  await groups('unknown', ['nosuch', 'nosuch-either']);
  await groups('without a name', ['']);
  await groups('twice', ['commits', 'commits']);
  await groups('one, and an unknown one', ['commits-too', 'nosuch']);
  await groups('nothing', []);
}
