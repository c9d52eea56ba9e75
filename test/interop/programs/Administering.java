// Every call of Kafka's Admin that a broker without transactions, users and replicas can answer, and what the answers hold. Arguments: the
// broker, the case, a name for topics and groups.
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.*;

public class Administering {
  final Admin admin;
  final String bootstrap;
  final String name;

  Administering(String bootstrap, String name) {
    this.bootstrap = bootstrap;
    this.name = name;
    this.admin = Client.admin(bootstrap);
  }

  public static void main(String[] args) throws Exception {
    Administering one = new Administering(args[0], args[2]);
    try (Admin admin = one.admin) {
      switch (args[1]) {
        case "topics" -> one.topics();
        case "configs" -> one.configs();
        case "offsets" -> one.offsets();
        case "groups" -> one.groups();
        case "cluster" -> one.cluster();
        case "quotas" -> one.quotas();
        default -> throw new IllegalArgumentException(args[1]);
      }
    }
  }

  void topics() throws Exception {
    var made = admin.createTopics(List.of(
        new NewTopic(name, Optional.empty(), Optional.empty()),
        new NewTopic(name + "-2", 3, (short) 1).configs(Map.of("retention.ms", "1000")),
        new NewTopic(name + "-3", Map.of(0, List.of(1), 1, List.of(1)))));
    made.all().get();
    for (String topic : List.of(name, name + "-2", name + "-3"))
      Client.tell("made", topic, made.numPartitions(topic).get(), made.replicationFactor(topic).get(), made.config(topic).get().get("retention.ms").value());
    Uuid id = made.topicId(name + "-2").get();
    var byId = admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id);
    Client.tell("by id", byId.name(), byId.partitions().size(), byId.isInternal(), byId.partitions().get(0).leader().id(), byId.partitions().get(0).isr().size());
    Client.tell("no such id", Client.failureOf(() -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds().get()));
    Client.tell("no such name", Client.failureOf(() -> admin.describeTopics(List.of(name + "-nowhere")).allTopicNames().get()));
    var operations = admin.describeTopics(List.of(name), new DescribeTopicsOptions().includeAuthorizedOperations(true)).allTopicNames().get().get(name);
    Client.tell("may", Client.sorted(operations.authorizedOperations()));
    Client.tell("only tried", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name + "-4", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get()));
    Client.tell("there already", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get()));
    Client.tell("too many replicas", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name + "-4", 1, (short) 3))).all().get()));
    Client.tell("no partitions", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name + "-4", 0, (short) 1))).all().get()));
    Client.tell("elsewhere", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name + "-4", Map.of(0, List.of(7))))).all().get()));
    Client.tell("a bad config", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name + "-4", 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all().get()));
    Client.tell("like another", Client.failureOf(() -> admin.createTopics(List.of(new NewTopic(name + ".3", 1, (short) 1))).all().get()));
    admin.createPartitions(Map.of(name, NewPartitions.increaseTo(2))).all().get();
    Client.tell("fewer", Client.failureOf(() -> admin.createPartitions(Map.of(name, NewPartitions.increaseTo(1))).all().get()));
    Client.tell("more of nothing", Client.failureOf(() -> admin.createPartitions(Map.of(name + "-nowhere", NewPartitions.increaseTo(1))).all().get()));
    admin.createPartitions(Map.of(name, NewPartitions.increaseTo(9)), new CreatePartitionsOptions().validateOnly(true)).all().get();
    Client.tell("partitions", admin.describeTopics(List.of(name)).allTopicNames().get().get(name).partitions().size());
    admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
    Client.tell("deleted twice", Client.failureOf(() -> admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get()));
    Client.tell("deleted nowhere", Client.failureOf(() -> admin.deleteTopics(List.of(name + "-nowhere")).all().get()));
    Client.tell("left", Client.sorted(admin.listTopics().names().get().stream().filter(topic -> topic.startsWith(name)).toList()));
  }

  void configs() throws Exception {
    Client.create(admin, name, 1, Map.of("cleanup.policy", "compact"));
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, name);
    Client.tell("compact", shown(topic, "cleanup.policy"));
    alter(topic, "cleanup.policy", "delete", AlterConfigOp.OpType.APPEND);
    Client.tell("append", shown(topic, "cleanup.policy"));
    alter(topic, "cleanup.policy", "compact", AlterConfigOp.OpType.SUBTRACT);
    Client.tell("subtract", shown(topic, "cleanup.policy"));
    alter(topic, "retention.ms", "777", AlterConfigOp.OpType.SET);
    Client.tell("set", shown(topic, "retention.ms"));
    alter(topic, "retention.ms", "", AlterConfigOp.OpType.DELETE);
    Client.tell("delete", shown(topic, "retention.ms"));
    Client.tell("append to a number", Client.failureOf(() -> {
      alter(topic, "retention.ms", "1", AlterConfigOp.OpType.APPEND);
      return "done";
    }));
    Client.tell("unknown", Client.failureOf(() -> {
      alter(topic, "no.such.config", "1", AlterConfigOp.OpType.SET);
      return "done";
    }));
    admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "5"), AlterConfigOp.OpType.SET))), new AlterConfigsOptions().validateOnly(true)).all().get();
    Client.tell("only tried", shown(topic, "retention.ms"));
    var described = admin.describeConfigs(List.of(topic), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(topic);
    var size = described.get("max.message.bytes");
    Client.tell("described", size.type(), size.isReadOnly(), size.isSensitive(), size.documentation().length() > 20, size.synonyms().get(0).name(), size.synonyms().get(0).source());
    ConfigResource nowhere = new ConfigResource(ConfigResource.Type.TOPIC, name + "-nowhere");
    Client.tell("of nothing", Client.failureOf(() -> admin.describeConfigs(List.of(nowhere)).all().get()));
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    Client.tell("broker", shown(broker, "group.consumer.heartbeat.interval.ms"), shown(broker, "group.initial.rebalance.delay.ms"));
    Client.tell("of no broker", Client.failureOf(() -> admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.BROKER, "9")), new DescribeConfigsOptions().timeoutMs(1_500)).all().get()));
    var resources = admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC, ConfigResource.Type.BROKER), new ListConfigResourcesOptions()).all().get();
    Client.tell("resources", resources.contains(topic), resources.contains(broker), resources.contains(nowhere));
  }

  void alter(ConfigResource resource, String key, String value, AlterConfigOp.OpType type) throws Exception {
    admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(key, value), type)))).all().get();
  }

  String shown(ConfigResource resource, String key) throws Exception {
    ConfigEntry entry = admin.describeConfigs(List.of(resource)).all().get().get(resource).get(key);
    return entry.value() + ":" + entry.source();
  }

  void offsets() throws Exception {
    Client.create(admin, name, 2, Map.of());
    try (var producer = Client.producer(bootstrap)) {
      for (long time : new long[] {100, 300, 200}) producer.send(new ProducerRecord<>(name, 0, time, "k", "v")).get();
    }
    TopicPartition one = Client.at(name, 0);
    TopicPartition two = Client.at(name, 1);
    for (var spec : List.of(OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.maxTimestamp(), OffsetSpec.forTimestamp(150), OffsetSpec.forTimestamp(301), OffsetSpec.earliestLocal(), OffsetSpec.latestTiered())) {
      var listed = admin.listOffsets(Map.of(one, spec, two, spec)).all().get();
      Client.tell(spec.getClass().getSimpleName(), shown(listed.get(one)), "empty:", shown(listed.get(two)));
    }
    Client.tell("nowhere", Client.failureOf(() -> admin.listOffsets(Map.of(Client.at(name, 7), OffsetSpec.latest()), new ListOffsetsOptions().timeoutMs(1_500)).all().get()));
    var deleted = admin.deleteRecords(Map.of(one, RecordsToDelete.beforeOffset(1), two, RecordsToDelete.beforeOffset(-1)));
    Client.tell("deleted", deleted.lowWatermarks().get(one).get().lowWatermark(), deleted.lowWatermarks().get(two).get().lowWatermark());
    Client.tell("earliest", shown(admin.listOffsets(Map.of(one, OffsetSpec.earliest())).all().get().get(one)));
    var producers = admin.describeProducers(List.of(one, two)).all().get();
    Client.tell("producers", producers.get(one).activeProducers().size(), producers.get(two).activeProducers().size());
    var producer = producers.get(one).activeProducers().get(0);
    Client.tell("producer", producer.producerEpoch(), producer.lastSequence(), producer.lastTimestamp() > 0, producer.coordinatorEpoch(), producer.currentTransactionStartOffset());
    Client.tell("transactions", admin.listTransactions().all().get().size());
    Client.tell("elected", Client.failureOf(() -> admin.electLeaders(ElectionType.PREFERRED, Set.of(one)).all().get()));
    Client.tell("all elected", admin.electLeaders(ElectionType.PREFERRED, null).partitions().get().size());
    Client.tell("moving", admin.listPartitionReassignments().reassignments().get().size());
  }

  static String shown(ListOffsetsResult.ListOffsetsResultInfo info) {
    return info.offset() + "/" + info.timestamp() + "/" + info.leaderEpoch().orElse(-1);
  }

  void groups() throws Exception {
    Client.create(admin, name, 3, Map.of());
    for (int partition = 0; partition < 3; partition++) Client.fill(bootstrap, name, partition, 5);
    TopicPartition one = Client.at(name, 0);
    TopicPartition two = Client.at(name, 1);
    String other = name + "-other";
    admin.alterConsumerGroupOffsets(name, Map.of(one, new OffsetAndMetadata(3, Optional.of(0), "by hand"), two, new OffsetAndMetadata(4))).all().get();
    admin.alterConsumerGroupOffsets(other, Map.of(one, new OffsetAndMetadata(1))).all().get();
    var many = admin.listConsumerGroupOffsets(Map.of(name, new ListConsumerGroupOffsetsSpec(), other, new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(one, two)))).all().get();
    Client.tell("of one", many.get(name).get(one).offset(), many.get(name).get(one).metadata(), many.get(name).get(two).offset(), many.get(name).size());
    Client.tell("of other", many.get(other).get(one).offset(), many.get(other).get(two));
    Client.tell("of nobody", admin.listConsumerGroupOffsets(name + "-nobody").partitionsToOffsetAndMetadata().get());
    for (String protocol : List.of("classic", "consumer")) {
      String group = name + "-" + protocol;
      Object[] settings = {"group.id", group, "group.protocol", protocol, "group.instance.id", "i", "client.id", "c-" + protocol, "client.rack", "r"};
      try (var consumer = Client.consumer(bootstrap, settings)) {
        consumer.subscribe(List.of(name));
        Client.poll(consumer, 15);
        consumer.commitSync();
        var described = admin.describeConsumerGroups(List.of(group), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true)).all().get().get(group);
        var member = described.members().iterator().next();
        Client.tell(protocol, described.groupState(), described.type(), described.isSimpleConsumerGroup(), described.coordinator().id(), described.partitionAssignor());
        Client.tell(protocol, member.clientId(), member.host(), member.groupInstanceId().orElse("-"), Client.sorted(member.assignment().topicPartitions()), member.upgraded().orElse(null));
        Client.tell(protocol, "may", Client.sorted(described.authorizedOperations()));
        var listed = admin.listGroups(ListGroupsOptions.forConsumerGroups()).all().get().stream().filter(one_ -> one_.groupId().equals(group)).findFirst().get();
        Client.tell(protocol, "listed", listed.type().get(), listed.protocol(), listed.groupState().get());
        Client.tell(protocol, "not empty", Client.failureOf(() -> admin.deleteConsumerGroups(List.of(group)).all().get()));
        Client.tell(protocol, "subscribed", Client.failureOf(() -> admin.deleteConsumerGroupOffsets(group, Set.of(one)).all().get()));
        Client.tell(protocol, "by hand", Client.failureOf(() -> admin.alterConsumerGroupOffsets(group, Map.of(one, new OffsetAndMetadata(1))).all().get()));
        admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
        Client.tell(protocol, "removed", admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size());
      }
      Client.tell(protocol, "afterwards", admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size());
      admin.deleteConsumerGroupOffsets(group, Set.of(one)).all().get();
      Client.tell(protocol, "deleted one", admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size());
      admin.deleteConsumerGroups(List.of(group)).all().get();
      Client.tell(protocol, "deleted", Client.failureOf(() -> admin.describeConsumerGroups(List.of(group)).all().get()));
    }
    Client.tell("deleted nobody", Client.failureOf(() -> admin.deleteConsumerGroups(List.of(name + "-nobody")).all().get()));
    Client.tell("removed nobody", Client.failureOf(() -> admin.removeMembersFromConsumerGroup(name + "-nobody", new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("x")))).all().get()));
    var empty = admin.listGroups(new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY)).withTypes(Set.of(GroupType.CLASSIC))).all().get();
    Client.tell("empty ones", Client.sorted(empty.stream().map(GroupListing::groupId).filter(group -> group.startsWith(name)).toList()));
    var simple = admin.describeConsumerGroups(List.of(other)).all().get().get(other);
    Client.tell("simple", simple.isSimpleConsumerGroup(), simple.groupState(), simple.type(), simple.members().size());
  }

  void cluster() throws Exception {
    Client.create(admin, name, 2, Map.of());
    Client.fill(bootstrap, name, 0, 100);
    var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
    var node = cluster.nodes().get().iterator().next();
    Client.tell("cluster", cluster.clusterId().get().length(), cluster.nodes().get().size(), cluster.controller().get().id(), (node.host() + ":" + node.port()).equals(bootstrap), node.hasRack());
    Client.tell("may", Client.sorted(cluster.authorizedOperations().get()));
    var dirs = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
    var dir = dirs.values().iterator().next();
    var replica = dir.replicaInfos().get(Client.at(name, 0));
    Client.tell("dirs", dirs.size(), replica.size() > 1_000 && replica.size() < 10_000, replica.offsetLag(), replica.isFuture(), dir.replicaInfos().get(Client.at(name, 1)).size());
    Client.tell("disk", dir.totalBytes().orElse(-1) > 0, dir.usableBytes().orElse(-1) > 0, dir.usableBytes().orElse(-1) <= dir.totalBytes().orElse(-1));
    var replicas = admin.describeReplicaLogDirs(List.of(new TopicPartitionReplica(name, 0, 1))).all().get();
    Client.tell("replica", replicas.values().iterator().next().getCurrentReplicaLogDir().equals(dirs.keySet().iterator().next()));
    Client.tell("features", admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("group.version"));
    Client.tell("metrics", admin.listClientMetricsResources().all().get().size());
    try (var producer = Client.producer(bootstrap)) {
      Client.tell("instance id", Client.failureOf(() -> producer.clientInstanceId(Duration.ofMillis(500))));
    }
  }

  void quotas() throws Exception {
    ClientQuotaEntity client = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, name));
    ClientQuotaEntity fallback = new ClientQuotaEntity(Collections.singletonMap(ClientQuotaEntity.CLIENT_ID, null));
    set(client, "producer_byte_rate", 50_000.0, "consumer_byte_rate", 60_000.0);
    set(fallback, "consumer_byte_rate", 1e9);
    Client.tell("all", shown(admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get()));
    Client.tell("one", shown(admin.describeClientQuotas(ClientQuotaFilter.containsOnly(List.of(ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.CLIENT_ID, name)))).entities().get()));
    Client.tell("default", shown(admin.describeClientQuotas(ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofDefaultEntity(ClientQuotaEntity.CLIENT_ID)))).entities().get()));
    Client.tell("users", shown(admin.describeClientQuotas(ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntityType(ClientQuotaEntity.USER)))).entities().get()));
    Client.tell("unknown", Client.failureOf(() -> {
      set(client, "no_such_rate", 1.0);
      return "set";
    }));
    Client.tell("negative", Client.failureOf(() -> {
      set(client, "producer_byte_rate", -1.0);
      return "set";
    }));
    // A producer beyond its rate is slowed down, and its client hears for how long.
    Client.create(admin, name, 1, Map.of());
    try (var producer = Client.producer(bootstrap, "client.id", name, "linger.ms", 0, "batch.size", 16_000)) {
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      for (int i = 0; i < 68; i++) answers.add(producer.send(new ProducerRecord<>(name, "x".repeat(10_000))));
      for (var answer : answers) answer.get();
      producer.send(new ProducerRecord<>(name, "y")).get();
      double throttled = producer.metrics().entrySet().stream().filter(entry -> entry.getKey().name().equals("produce-throttle-time-max")).mapToDouble(entry -> (Double) entry.getValue().metricValue()).max().orElse(0);
      Client.tell("throttled", throttled > 0);
    }
    set(client, "producer_byte_rate", null, "consumer_byte_rate", null);
    set(fallback, "consumer_byte_rate", null);
    Client.tell("none", shown(admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get()));
  }

  void set(ClientQuotaEntity entity, Object... values) throws Exception {
    List<ClientQuotaAlteration.Op> ops = new ArrayList<>();
    for (int i = 0; i < values.length; i += 2) ops.add(new ClientQuotaAlteration.Op((String) values[i], (Double) values[i + 1]));
    admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, ops))).all().get();
    // Brokers of Kafka hear of it a little later.
    Client.until("the quotas are seen", () -> {
      try {
        var seen = admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().getOrDefault(entity, Map.of());
        return ops.stream().allMatch(op -> Objects.equals(seen.get(op.key()), op.value()));
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
  }

  static String shown(Map<ClientQuotaEntity, Map<String, Double>> quotas) {
    return quotas.entrySet().stream().map(entry -> entry.getKey().entries().values() + "" + new TreeMap<>(entry.getValue())).sorted().collect(Collectors.joining(" "));
  }
}
