/** What the auditor of groups takes for two owners of a partition, and what it does not. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../src/coordinator/facts.ts';
import type { GroupRow, MemberRow } from '../../src/coordinator/groups/facts.ts';
import { Auditor } from './auditor.ts';
import { type Claimant, GroupAuditor } from './group-auditor.ts';

const group = (epoch: number) => ({ groupId: 'g', type: 'consumer', epoch }) as GroupRow;
const member = (memberId: string) => ({ memberId, assigned: [], revoking: [] }) as unknown as MemberRow;
const comes = (epoch: number, ...memberIds: string[]): Fact => {
  return { fact: 'groupReplaced', group: group(epoch), members: memberIds.map(member) };
};

/** A member that holds the first partition of "t" from `position` on, in an epoch. */
function claimant(memberId: string, epoch: number, position = 0): Claimant {
  return { name: memberId, instanceId: null, groupMetadata: () => ({ memberId, epoch }), holds: () => true, position: () => position };
}

function audited() {
  const auditor = new Auditor(() => 0);
  auditor.topicMade('t', { durability: 'memory', partitions: 1 });
  return { auditor, groups: new GroupAuditor(auditor) };
}

describe('a partition is given', () => {
  test('to two members in one epoch of a group: that is one too many', () => {
    const { auditor, groups } = audited();
    groups.stored([comes(10, 'a', 'b')]);
    groups.assigned('g', claimant('a', 10), 't', 0);
    groups.assigned('g', claimant('b', 10), 't', 0);
    expect(auditor.violations).toEqual([expect.stringMatching(/^g t-0 was given to b in epoch 10; a has it from 10 to 10$/)]);
  });

  test('… also when the second is told late, and is no member any more', () => {
    const { auditor, groups } = audited();
    groups.stored([comes(10, 'a', 'b')]);
    groups.assigned('g', claimant('a', 10), 't', 0);
    groups.stored([{ fact: 'memberGone', groupId: 'g', memberId: 'b' }]);
    groups.assigned('g', claimant('b', 10), 't', 0);
    expect(auditor.violations).toHaveLength(1);
  });

  test('in an epoch that a group of the same name had before: the numbers begin anew', () => {
    const { auditor, groups } = audited();
    groups.stored([comes(10, 'a')]);
    groups.assigned('g', claimant('a', 10), 't', 0);
    groups.stored([{ fact: 'groupGone', groupId: 'g' }, comes(10, 'b')]);
    groups.stored([{ fact: 'memberGone', groupId: 'g', memberId: 'b' }]);
    groups.assigned('g', claimant('b', 10), 't', 0);
    expect(auditor.violations).toEqual([]);
  });
});
