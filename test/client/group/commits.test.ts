/** Commits against a coordinator that answers when it is told to: order, merging, patience, and who may not commit any more. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { BusError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { type Commit, Commits } from '../../../src/client/group/commits.ts';
import { ScriptedCoordinator } from './scripted.ts';

let coordinator: ScriptedCoordinator;
let commits: Commits;
let standing: { memberId: string; epoch: number } | null;
let held: Map<number, number>;
const happened: string[] = [];

beforeEach(() => {
  coordinator = new ScriptedCoordinator();
  standing = { memberId: 'm', epoch: 3 };
  held = new Map([
    [0, 1],
    [1, 1],
  ]);
  happened.length = 0;
  commits = new Commits(coordinator.dispatcher, {
    groupId: 'g',
    instanceId: null,
    synced: false,
    timeoutMs: 1000,
    standing: () => standing,
    holds: (_, partition, holding) => held.get(partition) === holding,
    committed: ({ partition, offset }) => void happened.push(`stored ${partition}@${offset}`),
    fenced: () => void happened.push('fenced'),
    refresh: () => void happened.push('refresh'),
  });
});

const at = (partition: number, offset: number, holding: number | null = 1): Commit => ({
  topic: 't',
  partition,
  offset,
  leaderEpoch: -1,
  metadata: '',
  holding,
});

/** What came of a commit: 'waits', 'done', or the code of its failure. */
function commit(...all: Commit[]): { state: string } {
  const outcome = { state: 'waits' };
  commits.commit(all, (failure: BusError | null) => {
    outcome.state = failure === null ? 'done' : failure.code;
  });
  return outcome;
}

const stored = { offsets: [] };
/** 'partition@offset' of what is being asked. */
const asked = (): string[] =>
  coordinator.asked.map(({ fields }) => (fields.offsets as Commit[]).map(({ partition, offset }) => `${partition}@${offset}`).join(' '));

describe('commits', () => {
  test('of one turn go out as one; what comes while one is under way is merged, the newest counts, and all are answered', async () => {
    const first = [commit(at(0, 1)), commit(at(1, 5)), commit(at(0, 2))];
    await coordinator.pass(0);
    expect(asked()).toEqual(['0@2 1@5']);
    const second = [commit(at(0, 3)), commit(at(0, 9)), commit(at(0, 7))];
    await coordinator.answer(stored);
    expect(first.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
    expect(second.map(({ state }) => state)).toEqual(['waits', 'waits', 'waits']);
    expect(asked()).toEqual(['0@7']);
    await coordinator.answer(stored);
    expect(second.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
    expect(happened).toEqual(['stored 0@2', 'stored 1@5', 'stored 0@7']);
  });

  test('none of them is done before all of its partitions are', async () => {
    const both = commit(at(0, 1), at(1, 1));
    await coordinator.pass(0);
    await coordinator.answer({ offsets: [{ topic: 't', partition: 1, error: 12 }] });
    expect(both.state).toBe('OFFSET_METADATA_TOO_LARGE');
    expect(happened).toEqual(['stored 0@1']);
  });

  test.each(['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'HOST_DOWN'] as const)(
    'are asked again while the answer is %s, with what is newest by then',
    async (error) => {
      const first = commit(at(0, 1));
      await coordinator.pass(0);
      const second = commit(at(0, 2));
      await coordinator.answer(error === 'HOST_DOWN' ? null : stored, error);
      expect(first.state).toBe('waits');
      await coordinator.pass(100);
      expect(asked()).toEqual(['0@2']);
      await coordinator.answer(stored);
      expect([first.state, second.state]).toEqual(['done', 'done']);
    },
  );

  test('end at their deadline, and no sooner', async () => {
    const one = commit(at(0, 1));
    await coordinator.pass(0);
    for (let ms = 0; ms < 900; ms += 50) {
      if (coordinator.asked.length > 0) await coordinator.answer(null, 'COORDINATOR_NOT_AVAILABLE');
      expect(one.state).toBe('waits');
      await coordinator.pass(50);
    }
    for (let i = 0; i < 4; i++) {
      await coordinator.pass(600);
      if (coordinator.asked.length > 0) await coordinator.answer(null, 'COORDINATOR_NOT_AVAILABLE');
    }
    expect(one.state).toBe('REQUEST_TIMED_OUT');
  });

  test('of a stale epoch wait for the next one; what the member does not hold by then is refused', async () => {
    const [kept, moved] = [commit(at(0, 1)), commit(at(1, 1))];
    await coordinator.pass(0);
    await coordinator.answer(stored, 'STALE_MEMBER_EPOCH');
    expect(happened).toEqual(['refresh']);
    standing = { memberId: 'm', epoch: 4 };
    held.delete(1);
    await coordinator.pass(100);
    expect(coordinator.asked[0].fields).toMatchObject({ epoch: 4, memberId: 'm' });
    expect([asked(), kept.state, moved.state]).toEqual([['0@1'], 'waits', 'FENCED_MEMBER_EPOCH']);
    await coordinator.answer(stored);
    expect(kept.state).toBe('done');
  });

  test('of a member that is none any more are refused, and the member is told, unless it is another one already', async () => {
    const late = commit(at(0, 1));
    await coordinator.pass(0);
    await coordinator.answer(stored, 'UNKNOWN_MEMBER_ID');
    expect([late.state, ...happened]).toEqual(['UNKNOWN_MEMBER_ID', 'fenced']);
    const again = commit(at(0, 1));
    await coordinator.pass(0);
    standing = { memberId: 'm', epoch: 9 };
    await coordinator.answer(stored, 'FENCED_MEMBER_EPOCH');
    expect([again.state, ...happened]).toEqual(['FENCED_MEMBER_EPOCH', 'fenced']);
  });

  test('wait while the member joins; a partition that came back under a new assignment is another matter', async () => {
    standing = null;
    const late = commit(at(0, 1));
    await coordinator.pass(50);
    expect([asked(), late.state]).toEqual([[], 'waits']);
    held.set(0, 2);
    standing = { memberId: 'm', epoch: 5 };
    await coordinator.pass(200);
    expect([asked(), late.state]).toEqual([[], 'FENCED_MEMBER_EPOCH']);
  });

  test('are refused when the consumer closes', async () => {
    const under = commit(at(0, 1));
    await coordinator.pass(0);
    const waiting = commit(at(1, 1));
    await coordinator.pass(0);
    commits.close();
    await coordinator.answer(null, 'COORDINATOR_NOT_AVAILABLE');
    const later = commit(at(0, 2));
    await coordinator.pass(0);
    expect([under.state, waiting.state, later.state]).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
  });

  test(`wait up to ${limits.commitsWaitingMax}, and not one more`, async () => {
    const states: string[] = [];
    const one = (): void => commits.commit([at(0, 1)], (failure) => void states.push(failure?.code ?? 'done'));
    for (let i = 0; i < limits.commitsWaitingMax; i++) one();
    await coordinator.pass(0);
    expect(states).toEqual([]);
    one();
    await coordinator.pass(0);
    expect(states).toEqual(['LIMIT_REACHED']);
    await coordinator.answer(stored);
    expect(states.length).toBe(limits.commitsWaitingMax + 1);
    expect(new Set(states.slice(1))).toEqual(new Set(['done']));
  });
});
