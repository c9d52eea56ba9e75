/** Every API that is answered, with what answers it: what is not here is not advertised. */
import { handleProduce, produce } from './api/00-produce.ts';
import { fetch, handleFetch } from './api/01-fetch.ts';
import { handleListOffsets, listOffsets } from './api/02-list-offsets.ts';
import { handleMetadata, metadata } from './api/03-metadata.ts';
import { handleOffsetCommit, offsetCommit } from './api/08-offset-commit.ts';
import { handleOffsetFetch, offsetFetch } from './api/09-offset-fetch.ts';
import { findCoordinator, handleFindCoordinator } from './api/10-find-coordinator.ts';
import { handleJoinGroup, joinGroup } from './api/11-join-group.ts';
import { handleHeartbeat, heartbeat } from './api/12-heartbeat.ts';
import { handleLeaveGroup, leaveGroup } from './api/13-leave-group.ts';
import { handleSyncGroup, syncGroup } from './api/14-sync-group.ts';
import { describeGroups, handleDescribeGroups } from './api/15-describe-groups.ts';
import { handleListGroups, listGroups } from './api/16-list-groups.ts';
import { apiVersions, handleApiVersions } from './api/18-api-versions.ts';
import { createTopics, handleCreateTopics } from './api/19-create-topics.ts';
import { deleteTopics, handleDeleteTopics } from './api/20-delete-topics.ts';
import { deleteRecords, handleDeleteRecords } from './api/21-delete-records.ts';
import { handleInitProducerId, initProducerId } from './api/22-init-producer-id.ts';
import { handleOffsetForLeaderEpoch, offsetForLeaderEpoch } from './api/23-offset-for-leader-epoch.ts';
import { describeConfigs, handleDescribeConfigs } from './api/32-describe-configs.ts';
import { alterConfigs, handleAlterConfigs } from './api/33-alter-configs.ts';
import { describeLogDirs, handleDescribeLogDirs } from './api/35-describe-log-dirs.ts';
import { createPartitions, handleCreatePartitions } from './api/37-create-partitions.ts';
import { deleteGroups, handleDeleteGroups } from './api/42-delete-groups.ts';
import { electLeaders, handleElectLeaders } from './api/43-elect-leaders.ts';
import { handleIncrementalAlterConfigs, incrementalAlterConfigs } from './api/44-incremental-alter-configs.ts';
import { handleListPartitionReassignments, listPartitionReassignments } from './api/46-list-partition-reassignments.ts';
import { handleOffsetDelete, offsetDelete } from './api/47-offset-delete.ts';
import { describeClientQuotas, handleDescribeClientQuotas } from './api/48-describe-client-quotas.ts';
import { alterClientQuotas, handleAlterClientQuotas } from './api/49-alter-client-quotas.ts';
import { describeCluster, handleDescribeCluster } from './api/60-describe-cluster.ts';
import { describeProducers, handleDescribeProducers } from './api/61-describe-producers.ts';
import { handleListTransactions, listTransactions } from './api/66-list-transactions.ts';
import { consumerGroupHeartbeat, handleConsumerGroupHeartbeat } from './api/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe, handleConsumerGroupDescribe } from './api/69-consumer-group-describe.ts';
import { handleListConfigResources, listConfigResources } from './api/74-list-config-resources.ts';
import { describeTopicPartitions, handleDescribeTopicPartitions } from './api/75-describe-topic-partitions.ts';
import { type Handler, on } from './handler.ts';

export const handlers: readonly Handler[] = [
  on(produce, handleProduce),
  on(fetch, handleFetch),
  on(listOffsets, handleListOffsets),
  on(metadata, handleMetadata),
  on(findCoordinator, handleFindCoordinator),
  on(apiVersions, handleApiVersions),
  on(createTopics, handleCreateTopics),
  on(deleteTopics, handleDeleteTopics),
  on(deleteRecords, handleDeleteRecords),
  on(initProducerId, handleInitProducerId),
  on(offsetForLeaderEpoch, handleOffsetForLeaderEpoch),
  on(createPartitions, handleCreatePartitions),
  on(describeCluster, handleDescribeCluster),
  on(describeTopicPartitions, handleDescribeTopicPartitions),
  on(offsetCommit, handleOffsetCommit),
  on(offsetFetch, handleOffsetFetch),
  on(joinGroup, handleJoinGroup),
  on(heartbeat, handleHeartbeat),
  on(leaveGroup, handleLeaveGroup),
  on(syncGroup, handleSyncGroup),
  on(describeGroups, handleDescribeGroups),
  on(listGroups, handleListGroups),
  on(deleteGroups, handleDeleteGroups),
  on(offsetDelete, handleOffsetDelete),
  on(describeClientQuotas, handleDescribeClientQuotas),
  on(alterClientQuotas, handleAlterClientQuotas),
  on(consumerGroupHeartbeat, handleConsumerGroupHeartbeat),
  on(consumerGroupDescribe, handleConsumerGroupDescribe),
  on(describeConfigs, handleDescribeConfigs),
  on(alterConfigs, handleAlterConfigs),
  on(describeLogDirs, handleDescribeLogDirs),
  on(electLeaders, handleElectLeaders),
  on(incrementalAlterConfigs, handleIncrementalAlterConfigs),
  on(listPartitionReassignments, handleListPartitionReassignments),
  on(listTransactions, handleListTransactions),
  on(listConfigResources, handleListConfigResources),
  on(describeProducers, handleDescribeProducers),
];
