/** The member that assigns for the others, while the coordinator comes and goes. */
import { expect, test } from 'vitest';
import { range } from '../../../src/assign/client.ts';
import { Leader } from '../../../src/client/group/leader.ts';
import type { Member } from '../../../src/client/group/member.ts';
import type { Happening } from '../../../src/client/group/steps.ts';
import { ScriptedCoordinator } from './scripted.ts';

test('a coordinator that goes while topics are looked up is no failure of the assignor', async () => {
  const coordinator = new ScriptedCoordinator();
  const told: Happening['event'][] = [];
  const member = { happen: ({ event }: Happening) => void told.push(event) } as unknown as Member<unknown, unknown, unknown>;
  const leader = new Leader(coordinator.dispatcher, [range], { names: ['t'], regex: '', declared: new Map() }, () => member);
  await coordinator.answer({ topics: [] });
  told.length = 0;
  leader.assign({ do: 'assign', seq: 1, assignor: 'range', members: [] });
  await coordinator.answer(null, 'COORDINATOR_NOT_AVAILABLE');
  expect(told).toEqual([]);
  await coordinator.pass(5000);
  await coordinator.answer({ topics: [] });
  expect(told).toEqual(['assigned']);
});
