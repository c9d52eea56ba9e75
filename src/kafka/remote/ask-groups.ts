/**
 * Groups and their offsets, asked of the brokers that coordinate them. What a broker lets wait until others have come (JoinGroup, SyncGroup) goes
 * over a connection of its own: heartbeats and commits of this client must not stand behind it. What members ask they ask again by themselves.
 */
import { errors } from '../../base/errors.ts';
import type { GroupDescription, GroupVerbs } from '../../coordinator/groups/protocol.ts';
import { offsetCommit } from '../api/08-offset-commit.ts';
import { offsetFetch } from '../api/09-offset-fetch.ts';
import { joinGroup } from '../api/11-join-group.ts';
import { heartbeat } from '../api/12-heartbeat.ts';
import { leaveGroup } from '../api/13-leave-group.ts';
import { syncGroup } from '../api/14-sync-group.ts';
import { describeGroups } from '../api/15-describe-groups.ts';
import { listGroups } from '../api/16-list-groups.ts';
import { describeConfigs } from '../api/32-describe-configs.ts';
import { deleteGroups } from '../api/42-delete-groups.ts';
import { incrementalAlterConfigs } from '../api/44-incremental-alter-configs.ts';
import { offsetDelete } from '../api/47-offset-delete.ts';
import { consumerGroupHeartbeat } from '../api/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../api/69-consumer-group-describe.ts';
import { resources } from '../configs.ts';
import * as classic from './classic.ts';
import * as configs from './configs.ts';
import { type Desk, type Handle, put } from './desk.ts';
import * as groups from './groups.ts';
import * as member from './heartbeat.ts';
import * as offsets from './offsets.ts';
import { busCode, type ResponseFrom } from './words.ts';

export const askJoinGroup: Handle<'joinGroup'> = (ask, desk, reply) => {
  const question = {
    to: { group: ask.groupId },
    api: joinGroup,
    message: classic.joinRequest(ask),
    heard: classic.joinReply,
    refused: (error: number, words: string) => classic.noJoin(ask, error, words),
    again: 'nothing',
    own: true,
    clientId: ask.clientId,
    timeoutMs: classic.joinTimeoutMs(ask),
  } as const;
  put(desk, question, reply);
};

export const askSyncGroup: Handle<'syncGroup'> = (ask, desk, reply) => {
  const message = classic.syncRequest(ask);
  const about = { to: { group: ask.groupId }, api: syncGroup, message, again: 'nothing', own: true } as const;
  put(desk, { ...about, heard: classic.syncReply, refused: classic.noSync }, reply);
};

export const askHeartbeat: Handle<'heartbeat'> = (ask, desk, reply) => {
  const about = { to: { group: ask.groupId }, api: heartbeat, message: classic.heartbeatRequest(ask), again: 'nothing' } as const;
  const heard = ({ errorCode }: { errorCode: number }) => ({ error: busCode(errorCode), message: '' });
  put(desk, { ...about, heard, refused: (error, message) => ({ error, message }) }, reply);
};

export const askLeaveGroup: Handle<'leaveGroup'> = (ask, desk, reply) => {
  const about = { to: { group: ask.groupId }, api: leaveGroup, message: classic.leaveRequest(ask), again: 'nothing' } as const;
  const refused = (error: number, message: string) => ({ error, message, members: [] });
  put(desk, { ...about, heard: (response) => classic.leaveReply(ask, response), refused }, reply);
};

export const askConsumerGroupHeartbeat: Handle<'consumerGroupHeartbeat'> = (ask, desk, reply) => {
  const message = member.memberRequest(ask);
  const about = { to: { group: ask.groupId }, api: consumerGroupHeartbeat, message, again: 'nothing', clientId: ask.clientId } as const;
  type Heard = { error: number; words: string; response: Parameters<typeof member.memberReply>[1] | null };
  const question = {
    ...about,
    heard: (response: Parameters<typeof member.memberReply>[1]): Heard => ({ error: busCode(response.errorCode), words: '', response }),
    refused: (error: number, words: string): Heard => ({ error, words, response: null }),
  };
  put(desk, question, ({ error, words, response }) => {
    if (response === null) return reply(member.noHeartbeat(ask, error, words));
    desk.topology.namesOf(member.idsIn(response), (names) => reply(member.memberReply(ask, response, names)));
  });
};

// Offsets.

export const askOffsetCommit: Handle<'offsetCommit'> = (ask, desk, reply) => {
  // Of members, commits.ts keeps the order; one from outside has nobody else.
  const again = ask.memberId === '' && ask.epoch < 0 ? 'all' : 'nothing';
  const about = { to: { group: ask.groupId }, api: offsetCommit, message: offsets.commitRequest(ask), again } as const;
  put(desk, { ...about, heard: offsets.commitReply, refused: (error, words) => offsets.noCommit(ask, error, words) }, reply);
};

export const askOffsetFetch: Handle<'offsetFetch'> = (ask, desk, reply) => {
  const about = { to: { group: ask.groupId }, api: offsetFetch, message: offsets.fetchRequest(ask), again: 'all' } as const;
  put(desk, { ...about, heard: offsets.fetchReply, refused: (error, message) => ({ error, message, offsets: [] }) }, reply);
};

export const askOffsetDelete: Handle<'offsetDelete'> = (ask, desk, reply) => {
  const message = offsets.deleteRequest(ask.groupId, ask.topics);
  const about = { to: { group: ask.groupId }, api: offsetDelete, message, again: 'undone' } as const;
  put(desk, { ...about, heard: offsets.deleteReply, refused: (error, words) => ({ error, message: words, offsets: [] }) }, reply);
};

// Administration.

/** Every broker lists the groups that it coordinates. One that cannot say fails the whole: a list with gaps would pass for complete. */
export const askListGroups: Handle<'listGroups'> = (ask, desk, reply) => {
  desk.topology.metadata([], false, (error) => {
    const nodes = desk.topology.nodes();
    if (error !== 0 || nodes.length === 0) return reply({ error: error === 0 ? errors.LEADER_NOT_AVAILABLE.code : error, groups: [] });
    const listed: GroupVerbs['listGroups']['reply']['groups'] = [];
    let failure = 0;
    let left = nodes.length;
    for (const node of nodes) {
      const about = { to: { node }, api: listGroups, message: groups.listRequest(ask), again: 'all' } as const;
      const refused = (refusal: number) => ({ error: refusal, groups: [] });
      put(desk, { ...about, heard: (response) => groups.listReply(ask, response), refused }, (answer) => {
        listed.push(...answer.groups);
        failure ||= answer.error;
        if (--left === 0) reply({ error: failure, groups: failure === 0 ? listed : [] });
      });
    }
  });
};

export const askDescribeGroups: Handle<'describeGroups'> = ({ groupIds }, desk, reply) => {
  const described: GroupDescription[] = [];
  let left = groupIds.length;
  if (left === 0) return desk.clock.next(() => reply({ error: 0, groups: described }));
  groupIds.forEach((groupId, i) => {
    describeOne(desk, groupId, (group) => {
      described[i] = group;
      if (--left === 0) reply({ error: 0, groups: described });
    });
  });
};

/** A group of either protocol: as one of the newer first, as Kafka's own tools do. Brokers before Kafka 4 have classic groups alone. */
export function describeOne(desk: Desk, groupId: string, done: (group: GroupDescription) => void): void {
  const to = { group: groupId };
  const refused = (error: number, words: string) => groups.noGroup(groupId, error, words);
  const asConsumers = { to, api: consumerGroupDescribe, message: { groupIds: [groupId], includeAuthorizedOperations: false } };
  const asClassic = { to, api: describeGroups, message: { groups: [groupId], includeAuthorizedOperations: false } };
  put(desk, { ...asConsumers, again: 'all', heard: (response) => groups.consumerDescription(groupId, response), refused }, (group) => {
    const isAnother = group.error === errors.GROUP_ID_NOT_FOUND.code || group.error === errors.UNSUPPORTED_VERSION.code;
    if (!isAnother) return done(group);
    put(desk, { ...asClassic, again: 'all', heard: (response) => groups.classicDescription(groupId, response), refused }, done);
  });
}

/** Any broker knows them. That of which groups have some is asked for by name, as brokers before Kafka 4.1 cannot be asked. */
export const askDescribeGroupConfigs: Handle<'describeGroupConfigs'> = ({ groupIds }, desk, reply) => {
  if (groupIds === null) return desk.clock.next(() => reply({ error: errors.UNSUPPORTED_VERSION.code, groups: [] }));
  const about = { to: 'any', api: describeConfigs, message: configs.groupsRequest(groupIds), again: 'all' } as const;
  const heard = (response: ResponseFrom<typeof describeConfigs>) => configs.describedGroups(groupIds, response);
  put(desk, { ...about, heard, refused: (error: number) => ({ error, groups: [] }) }, reply);
};

export const askAlterGroupConfigs: Handle<'alterGroupConfigs'> = ({ groupId, ops, validateOnly }, desk, reply) => {
  const message = configs.alterRequest({ name: groupId, ops, validateOnly }, resources.group);
  const about = { to: 'controller', api: incrementalAlterConfigs, message, again: 'nothing' } as const;
  put(desk, { ...about, heard: configs.alterReply, refused: (error, words) => ({ error, message: words }) }, reply);
};

export const askDeleteGroups: Handle<'deleteGroups'> = ({ groupIds }, desk, reply) => {
  const results: GroupVerbs['deleteGroups']['reply']['groups'] = [];
  let left = groupIds.length;
  if (left === 0) return desk.clock.next(() => reply({ error: 0, groups: results }));
  groupIds.forEach((groupId, i) => {
    const about = { to: { group: groupId }, api: deleteGroups, message: { groupsNames: [groupId] }, again: 'undone' } as const;
    const refused = (error: number, message: string) => ({ groupId, error, message });
    put(desk, { ...about, heard: (response) => groups.deleteReply(groupId, response), refused }, (result) => {
      results[i] = result;
      if (--left === 0) reply({ error: 0, groups: results });
    });
  });
};
