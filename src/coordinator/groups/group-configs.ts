/**
 * The pure core of what a group can be told apart from all others, by Kafka's names. It holds for members of consumer groups (KIP-848), whose
 * session is the group's, whether or not the group is there yet; what is not set is as the bus says.
 */
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { ConfigEntry, ConfigOp, CoordinatorAskOf, CoordinatorReplyOf } from '../protocol.ts';
import type { State } from '../state.ts';
import type { GroupConfigFact } from './facts.ts';
import type { GroupConfigs, GroupSettings } from './settings.ts';

const keys = {
  'consumer.heartbeat.interval.ms': {
    field: 'heartbeatIntervalMs',
    documentation: 'How often the group’s members shall be heard; less than its session timeout.',
  },
  'consumer.session.timeout.ms': {
    field: 'sessionTimeoutMs',
    documentation: 'A member that was not heard for so long is given up, whatever it asks for itself.',
  },
} as const satisfies Record<string, { field: keyof GroupConfigs; documentation: string }>;

type Key = keyof typeof keys;

/** `groupIds` null: the groups that have some of their own, with these alone. */
export function describeGroupConfigs(
  state: State,
  { id, groupIds }: CoordinatorAskOf<'describeGroupConfigs'>,
  settings: GroupSettings,
): CoordinatorReplyOf<'describeGroupConfigs'> {
  const all = groupIds ?? [...state.groupConfigs.keys()];
  const groups = all
    .slice(0, limits.groupsMax)
    .map((groupId) => ({ groupId, entries: entriesOf(state.groupConfigs.get(groupId), settings) }));
  return { verb: 'describeGroupConfigs', id, error: 0, groups };
}

function entriesOf(own: GroupConfigs | undefined, settings: GroupSettings): ConfigEntry[] {
  return Object.entries(keys).map(([key, { field, documentation }]): ConfigEntry => {
    const set = own?.[field] ?? null;
    return {
      key,
      value: String(set ?? settings[field]),
      source: set === null ? 'default' : 'group',
      type: 'int',
      readOnly: false,
      documentation,
    };
  });
}

export function alterGroupConfigs(
  state: State,
  { id, groupId, ops, validateOnly }: CoordinatorAskOf<'alterGroupConfigs'>,
  settings: GroupSettings,
): { facts: GroupConfigFact[]; reply: CoordinatorReplyOf<'alterGroupConfigs'> } {
  const reply = (error: number, message: string) => ({ verb: 'alterGroupConfigs' as const, id, error, message });
  const before = state.groupConfigs.get(groupId);
  const misnamed = wrongGroup(state, groupId);
  if (misnamed !== '') return { facts: [], reply: reply(errors.INVALID_REQUEST.code, misnamed) };
  const after = { sessionTimeoutMs: before?.sessionTimeoutMs ?? null, heartbeatIntervalMs: before?.heartbeatIntervalMs ?? null };
  const wrong = change(after, ops) || wrongTimes(after, settings);
  if (wrong !== '') return { facts: [], reply: reply(errors.INVALID_CONFIG.code, wrong) };
  const isSame =
    after.sessionTimeoutMs === (before?.sessionTimeoutMs ?? null) && after.heartbeatIntervalMs === (before?.heartbeatIntervalMs ?? null);
  return { facts: validateOnly || isSame ? [] : [{ fact: 'groupConfigSet', groupId, ...after }], reply: reply(0, '') };
}

function wrongGroup({ groupConfigs }: State, groupId: string): string {
  if (groupId === '') return 'a group has a name: what holds for all groups is set when the bus is opened';
  if (groupId.length > limits.groupNameMax) return `names have at most ${limits.groupNameMax} characters, not ${groupId.length}`;
  if (groupConfigs.has(groupId) || groupConfigs.size < limits.groupsMax) return '';
  return `${limits.groupsMax} groups have settings of their own, which is the most: delete some`;
}

/** Changes `configs`; '' when every change is right, else what is wrong. */
function change(configs: { -readonly [F in keyof GroupConfigs]: GroupConfigs[F] }, ops: readonly ConfigOp[]): string {
  for (const { key, op, value } of ops) {
    if (!Object.hasOwn(keys, key)) return `"${key}" is nothing that a group can be told: there are ${Object.keys(keys).join(' and ')}`;
    if (op !== 'set' && op !== 'delete') return `${key} is one value and no list: it can be set and deleted`;
    const ms = Number(value);
    if (op === 'set' && !(/^\d+$/.test(value) && ms >= 1 && ms <= MS_MAX))
      return `${key} is a number of milliseconds from 1 to ${MS_MAX}, not "${value}"`;
    configs[keys[key as Key].field] = op === 'set' ? ms : null;
  }
  return '';
}

function wrongTimes(configs: GroupConfigs, settings: GroupSettings): string {
  const { sessionTimeoutMsMin, sessionTimeoutMsMax } = settings;
  const sessionMs = configs.sessionTimeoutMs ?? settings.sessionTimeoutMs;
  if (sessionMs < sessionTimeoutMsMin || sessionMs > sessionTimeoutMsMax)
    return `consumer.session.timeout.ms is ${sessionTimeoutMsMin} to ${sessionTimeoutMsMax} on this bus, not ${sessionMs}`;
  const heartbeatMs = configs.heartbeatIntervalMs ?? 0;
  if (heartbeatMs < sessionMs) return '';
  return `consumer.heartbeat.interval.ms=${heartbeatMs} is to be less than the session timeout, which is ${sessionMs} ms`;
}

/** What holds for a group: what it was told itself, else what the bus says. */
export function settingsOf({ groupConfigs }: State, groupId: string, settings: GroupSettings): GroupSettings {
  const own = groupConfigs.size === 0 ? undefined : groupConfigs.get(groupId);
  return own === undefined ? settings : { ...settings, own };
}

const MS_MAX = 2_147_483_647;
