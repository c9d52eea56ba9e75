/** Every version of every API: an ordinary request, and one of what is not there. */
import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { fetch } from '../../../../src/kafka/api/01-fetch.ts';
import { listOffsets } from '../../../../src/kafka/api/02-list-offsets.ts';
import { metadata } from '../../../../src/kafka/api/03-metadata.ts';
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../../../src/kafka/api/09-offset-fetch.ts';
import { findCoordinator } from '../../../../src/kafka/api/10-find-coordinator.ts';
import { joinGroup } from '../../../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../../../src/kafka/api/12-heartbeat.ts';
import { leaveGroup } from '../../../../src/kafka/api/13-leave-group.ts';
import { syncGroup } from '../../../../src/kafka/api/14-sync-group.ts';
import { describeGroups } from '../../../../src/kafka/api/15-describe-groups.ts';
import { createTopics } from '../../../../src/kafka/api/19-create-topics.ts';
import { deleteTopics } from '../../../../src/kafka/api/20-delete-topics.ts';
import { deleteRecords } from '../../../../src/kafka/api/21-delete-records.ts';
import { initProducerId } from '../../../../src/kafka/api/22-init-producer-id.ts';
import { offsetForLeaderEpoch } from '../../../../src/kafka/api/23-offset-for-leader-epoch.ts';
import { describeConfigs } from '../../../../src/kafka/api/32-describe-configs.ts';
import { alterConfigs } from '../../../../src/kafka/api/33-alter-configs.ts';
import { describeLogDirs } from '../../../../src/kafka/api/35-describe-log-dirs.ts';
import { createPartitions } from '../../../../src/kafka/api/37-create-partitions.ts';
import { deleteGroups } from '../../../../src/kafka/api/42-delete-groups.ts';
import { electLeaders } from '../../../../src/kafka/api/43-elect-leaders.ts';
import { incrementalAlterConfigs } from '../../../../src/kafka/api/44-incremental-alter-configs.ts';
import { describeClientQuotas } from '../../../../src/kafka/api/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../../../src/kafka/api/49-alter-client-quotas.ts';
import { describeCluster } from '../../../../src/kafka/api/60-describe-cluster.ts';
import { listTransactions } from '../../../../src/kafka/api/66-list-transactions.ts';
import { consumerGroupHeartbeat } from '../../../../src/kafka/api/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../../../src/kafka/api/69-consumer-group-describe.ts';
import { type Api, type Encodable, type Shape, ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { batchOf } from '../../../kafka/wire-client.ts';
import { type Asker, NO_TOPIC_ID } from '../asking.ts';

const WAIT = 2000;
const NO_OPS = { includeTopicAuthorizedOperations: false, includeClusterAuthorizedOperations: false };
const SEGMENT = { name: 'segment.bytes', value: '2000000' };

export async function everyVersion(asker: Asker): Promise<void> {
  const ids = await asker.makeTopics({ every: 2 });
  /** By name and id, as the version takes it. */
  const there = { name: 'every', topic: 'every', topicId: ids.every };
  const absent = { name: 'absent', topic: 'absent', topicId: NO_TOPIC_ID };
  const all = async <Q extends Shape, P extends Shape>(
    api: Api<Q, P>,
    ordinary: (version: number) => Encodable<Q>,
    unknown?: (version: number) => Encodable<Q>,
  ): Promise<void> => {
    for (let version = api.versions[0]; version <= api.versions[1]; version++) {
      await asker.ask('every version', api, ordinary(version), version);
      if (unknown !== undefined) await asker.ask('every version, of what is not there', api, unknown(version), version);
    }
  };
  await records(all, there, absent);
  await topics(all, there, absent);
  await groups(all);
  await all(describeClientQuotas, () => ({ components: [{ entityType: 'client-id', matchType: 0, match: 'nobody' }], strict: true }));
  const quota = (key: string) => ({
    entries: [{ entity: [{ entityType: 'client-id', entityName: 'every' }], ops: [{ key, value: 0, remove: true }] }],
  });
  await all(
    alterClientQuotas,
    () => ({ ...quota('producer_byte_rate'), validateOnly: false }),
    () => ({ ...quota('zap'), validateOnly: false }),
  );
}

type All = <Q extends Shape, P extends Shape>(
  api: Api<Q, P>,
  ordinary: (version: number) => Encodable<Q>,
  unknown?: (version: number) => Encodable<Q>,
) => Promise<void>;
type Named = { name: string; topic: string; topicId: string };

async function records(all: All, there: Named, absent: Named): Promise<void> {
  const put = (to: Named) => ({
    acks: -1,
    timeoutMs: WAIT,
    topicData: [{ ...to, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
  });
  await all(
    produce,
    () => put(there),
    () => put(absent),
  );
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
  const take = (from: Named) => ({ maxWaitMs: 10, minBytes: 1, topics: [{ ...from, partitions }], forgottenTopicsData: [] });
  await all(
    fetch,
    () => take(there),
    () => take(absent),
  );
  const list = (of: Named) => ({
    replicaId: -1,
    isolationLevel: 0,
    timeoutMs: 1000,
    topics: [{ ...of, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
  });
  await all(
    listOffsets,
    () => list(there),
    () => list(absent),
  );
  const remove = (of: Named) => ({ timeoutMs: WAIT, topics: [{ ...of, partitions: [{ partitionIndex: 0, offset: 1 }] }] });
  await all(
    deleteRecords,
    () => remove(there),
    () => remove(absent),
  );
  const epoch = (of: Named) => ({ replicaId: -1, topics: [{ ...of, partitions: [{ partition: 1, leaderEpoch: 0 }] }] });
  await all(
    offsetForLeaderEpoch,
    () => epoch(there),
    () => epoch(absent),
  );
  await all(initProducerId, () => ({ transactionalId: null, transactionTimeoutMs: 1000 }));
  await all(listTransactions, () => ({ stateFilters: [], producerIdFilters: [] }));
}

async function topics(all: All, there: Named, absent: Named): Promise<void> {
  const show = (name: string) => ({ topics: [{ topicId: ZERO_UUID, name }], allowAutoTopicCreation: false, ...NO_OPS });
  await all(
    metadata,
    () => show('every'),
    () => show('absent'),
  );
  const made = (name: string, value: string) => ({
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [{ ...SEGMENT, value }] }],
    timeoutMs: WAIT,
  });
  await all(
    createTopics,
    (version) => made(`every-${version}`, SEGMENT.value),
    (version) => made(`every-${version}-not`, 'zap'),
  );
  const doomed = (name: string) => ({ topics: [{ name, topicId: ZERO_UUID }], topicNames: [name], timeoutMs: WAIT });
  await all(
    deleteTopics,
    (version) => doomed(`every-${Math.max(2, version)}`),
    () => doomed('absent'),
  );
  const grown = (name: string, count: number) => ({ topics: [{ name, count, assignments: null }], timeoutMs: WAIT, validateOnly: false });
  await all(
    createPartitions,
    (version) => grown('every-7', version + 2),
    () => grown('absent', 3),
  );
  const resource = (resourceName: string) => ({ resourceType: 2, resourceName });
  const described = (name: string) => ({
    resources: [{ ...resource(name), configurationKeys: [SEGMENT.name] }],
    includeSynonyms: true,
    includeDocumentation: true,
  });
  await all(
    describeConfigs,
    () => described('every-7'),
    () => described('absent'),
  );
  const altered = (name: string) => ({ resources: [{ ...resource(name), configs: [SEGMENT] }], validateOnly: false });
  await all(
    alterConfigs,
    () => altered('every-7'),
    () => altered('absent'),
  );
  const op = (name: string) => ({ resources: [{ ...resource(name), configs: [{ ...SEGMENT, configOperation: 0 }] }], validateOnly: false });
  await all(
    incrementalAlterConfigs,
    () => op('every-7'),
    () => op('absent'),
  );
  const dirs = (topic: string) => ({ topics: [{ topic, partitions: [1] }] });
  await all(
    describeLogDirs,
    () => dirs(there.topic),
    () => dirs(absent.topic),
  );
  const elect = (topic: string) => ({ electionType: 0, topicPartitions: [{ topic, partitions: [0] }], timeoutMs: 1000 });
  await all(
    electLeaders,
    () => elect(there.topic),
    () => elect(absent.topic),
  );
  await all(describeCluster, () => ({ includeClusterAuthorizedOperations: false, includeFencedBrokers: false }));
}

async function groups(all: All): Promise<void> {
  const row = { partitionIndex: 0, committedOffset: 3, committedMetadata: '' };
  const commit = (name: string) => ({
    groupId: 'every',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: [{ name, partitions: [row] }],
  });
  await all(
    offsetCommit,
    () => commit('every'),
    () => commit('absent'),
  );
  const read = (groupId: string) => {
    const topics = [{ name: 'every', partitionIndexes: [0] }];
    return { groupId, topics, groups: [{ groupId, topics }] };
  };
  await all(
    offsetFetch,
    () => read('every'),
    () => read('nosuch'),
  );
  await all(findCoordinator, () => ({ key: 'every', coordinatorKeys: ['every'] }));
  const join = (groupId: string, memberId: string) => {
    const protocols = [{ name: 'range', metadata: Buffer.alloc(10) }];
    return { groupId, sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000, memberId, protocolType: 'consumer', protocols };
  };
  await all(
    joinGroup,
    (version) => join(`every-${version}`, ''),
    () => join('nosuch', 'nobody'),
  );
  const member = { generationId: 1, memberId: 'nobody' };
  const both = async <Q extends Shape, P extends Shape>(api: Api<Q, P>, request: (groupId: string) => Encodable<Q>): Promise<void> =>
    all(
      api,
      () => request('every'),
      () => request('nosuch'),
    );
  await both(heartbeat, (groupId) => ({ groupId, ...member }));
  await both(syncGroup, (groupId) => ({ groupId, ...member, assignments: [], protocolType: 'consumer', protocolName: 'range' }));
  await both(leaveGroup, (groupId) => ({ groupId, memberId: 'nobody', members: [{ memberId: 'nobody' }] }));
  await both(describeGroups, (groupId) => ({ groups: [groupId], includeAuthorizedOperations: false }));
  await both(consumerGroupDescribe, (groupId) => ({ groupIds: [groupId], includeAuthorizedOperations: false }));
  const beat = (groupId: string, memberEpoch: number) => ({
    groupId,
    memberId: 'AAAAAAAAAAAAAAAAAAAAAQ',
    memberEpoch,
    rebalanceTimeoutMs: 6000,
    subscribedTopicNames: ['every'],
    topicPartitions: [],
  });
  await all(
    consumerGroupHeartbeat,
    (version) => beat(`every-consumer-${version}`, 0),
    () => beat('nosuch', 7),
  );
  await both(deleteGroups, (groupId) => ({ groupsNames: [groupId === 'every' ? 'every-8' : groupId] }));
}
