/** Who assigns in a group: Kafka's assignors by their names, or the user's own, checked; and the leader's work with them. */
import type { AssignedMember, Assignor } from '../../assign/client.ts';
import { assignors as builtIn } from '../../assign/client.ts';
import { type Assignment, decodeSubscription, encodeAssignment, type TopicPartitions } from '../../assign/consumer-protocol.ts';
import { serverAssignors } from '../../assign/server.ts';
import { BusError } from '../../base/errors.ts';
import { shown } from '../check.ts';

/** An assignor of the user's own, for groupProtocol 'classic'. */
export interface OwnAssignor {
  /** Members can be in one group if they have an assignor of one name. */
  readonly name: string;
  /** 'cooperative' when it never gives to one member what another has: see KIP-429. Default 'eager'. */
  readonly protocol?: 'eager' | 'cooperative';
  /** What is sent along with a join. */
  userData?(last: { partitions: readonly TopicPartitions[]; generation: number } | null): Uint8Array | null;
  /** Who gets what, by member id. `partitions` says how many each topic has; those that do not exist are absent. */
  assign(
    members: readonly AssignedMember[],
    partitions: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, readonly TopicPartitions[]> | Readonly<Record<string, readonly TopicPartitions[]>>;
}

export type AssignorName = 'uniform' | 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky';
export type AssignorChoice = AssignorName | OwnAssignor;

const DEFAULT_CLASSIC = 'cooperative-sticky';

/** The coordinator's assignor; null: its own choice. Throws BusError INVALID_ARGUMENT. */
export function serverAssignor(choice: unknown): string | null {
  if (choice === undefined || choice === null) return null;
  const names = Object.keys(serverAssignors);
  if (typeof choice === 'string' && names.includes(choice)) return choice;
  const what = `assignor is one of ${names.map(shown).join(', ')}, not ${shown(choice)}; members assign with groupProtocol 'classic'`;
  throw new BusError('INVALID_ARGUMENT', what, { details: { option: 'assignor' } });
}

/** The members' assignors, best first. Throws BusError INVALID_ARGUMENT. */
export function memberAssignors(choice: unknown): Assignor[] {
  const list = Array.isArray(choice) ? (choice as unknown[]) : [choice ?? DEFAULT_CLASSIC];
  if (list.length === 0) throw new BusError('INVALID_ARGUMENT', 'assignor lists none: name one at least');
  return list.map((one) => (typeof one === 'string' ? named(one) : own(one)));
}

function named(name: string): Assignor {
  const found = builtIn.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = builtIn.map((one) => shown(one.name)).join(', ');
  throw new BusError('INVALID_ARGUMENT', `assignor is one of ${names}, or { name, assign }, not ${shown(name)}`, {
    details: { option: 'assignor' },
  });
}

function own(one: unknown): Assignor {
  const { name, protocol = 'eager', userData, assign } = (typeof one === 'object' && one !== null ? one : {}) as Partial<OwnAssignor>;
  const isWhole = typeof name === 'string' && name !== '' && typeof assign === 'function';
  if (!isWhole || (protocol !== 'eager' && protocol !== 'cooperative') || (userData !== undefined && typeof userData !== 'function')) {
    const what = `an assignor is a name or { name, protocol?, userData?, assign(members, partitions) }, not ${shown(one)}`;
    throw new BusError('INVALID_ARGUMENT', what, { details: { option: 'assignor' } });
  }
  return {
    name,
    protocol,
    ...(userData === undefined ? {} : { userData: (last) => userData.call(one, last) }),
    assign: (members, partitions) => {
      const given = assign.call(one, members, partitions) as ReturnType<OwnAssignor['assign']>;
      const rows = given instanceof Map ? given : new Map(Object.entries(given));
      return new Map([...rows].map(([memberId, all]) => [memberId, { partitions: checkRows(name, all), userData: null }]));
    },
  };
}

/** The leader's part of a round. Throws what the assignor throws. */
export function assignAll(
  assignor: Assignor,
  members: readonly { memberId: string; instanceId: string | null; metadata: Uint8Array }[],
  partitions: ReadonlyMap<string, number>,
): { memberId: string; assignment: Uint8Array }[] {
  const assigned = assignor.assign(members.map(memberOf), partitions);
  const none: Assignment = { partitions: [], userData: null };
  return members.map(({ memberId }) => ({ memberId, assignment: encodeAssignment(assigned.get(memberId) ?? none) }));
}

/** Topics that these members subscribe to. */
export function topicsOfMembers(members: readonly { metadata: Uint8Array }[]): string[] {
  return [...new Set(members.flatMap(({ metadata }) => decodeSubscription(metadata)?.topics ?? []))];
}

function memberOf({
  memberId,
  instanceId,
  metadata,
}: {
  memberId: string;
  instanceId: string | null;
  metadata: Uint8Array;
}): AssignedMember {
  const said = decodeSubscription(metadata);
  return {
    memberId,
    instanceId,
    rackId: said?.rackId ?? null,
    topics: said?.topics ?? [],
    owned: said?.owned ?? [],
    generation: said?.generation ?? -1,
    userData: said?.userData ?? null,
  };
}

function checkRows(name: string, rows: unknown): TopicPartitions[] {
  if (!Array.isArray(rows))
    throw new BusError('USER_CODE_FAILED', `assignor "${name}" gave a member ${shown(rows)}, not a list of { topic, partitions }`);
  return (rows as unknown[]).map((row) => {
    const { topic, partitions } = (row ?? {}) as Partial<TopicPartitions>;
    if (typeof topic === 'string' && Array.isArray(partitions) && partitions.every((one) => Number.isInteger(one) && one >= 0))
      return { topic, partitions: [...partitions] };
    throw new BusError('USER_CODE_FAILED', `assignor "${name}" gave ${shown(row)} for { topic, partitions }`);
  });
}
