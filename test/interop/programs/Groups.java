// Groups of Kafka's Java consumers: who joins, who leaves, who gets what, and whether every record is read. Arguments: the broker, the case, a
// name for topics and groups, and what the case wants more.
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.*;

public class Groups {
  public static void main(String[] args) throws Exception {
    Groups groups = new Groups(args[0], args[2]);
    try {
      switch (args[1]) {
        case "join-leave" -> groups.joinLeave(args[3]);
        case "static" -> groups.statics(args[3]);
        case "static-leader" -> groups.staticLeader(args[3]);
        case "pattern" -> groups.pattern();
        case "migrate" -> groups.migrate(args[3]);
        case "slow" -> groups.slow(args[3]);
        default -> throw new IllegalArgumentException(args[1]);
      }
    } finally {
      for (Member member : List.copyOf(groups.members)) member.leave();
      groups.writer.stop();
    }
  }

  final String bootstrap;
  final String name;
  final List<Member> members = new CopyOnWriteArrayList<>();
  final Writer writer = new Writer();
  /** How often each record was given to a member, by "partition offset". */
  final Map<String, Integer> seen = new ConcurrentHashMap<>();

  Groups(String bootstrap, String name) {
    this.bootstrap = bootstrap;
    this.name = name;
  }

  /** Writes on and on, a record to each partition in turn. */
  class Writer {
    volatile boolean stopped;
    volatile int written;
    volatile String failure = "";
    Thread thread;

    void start(int partitions) {
      thread = new Thread(() -> {
        try (var producer = Client.producer(bootstrap)) {
          for (; !stopped; written++) {
            producer.send(new ProducerRecord<>(name, written % partitions, "k", "" + written), (sent, e) -> {
              if (e != null) failure = e.toString();
            });
            Thread.sleep(1);
          }
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      });
      thread.start();
    }

    void stop() throws InterruptedException {
      stopped = true;
      if (thread != null) thread.join();
    }
  }

  /** A member on a thread of its own. It commits what it has read before partitions are taken from it. */
  class Member implements ConsumerRebalanceListener {
    final KafkaConsumer<String, String> consumer;
    final Set<TopicPartition> owned = ConcurrentHashMap.newKeySet();
    final List<String> events = new CopyOnWriteArrayList<>();
    final Thread thread;
    volatile boolean leaving;
    volatile long slowMs;
    volatile String failure = "";

    Member(SubscriptionPattern pattern, Object... settings) {
      Map<String, Object> all = Client.with(bootstrap, "group.id", name, "auto.offset.reset", "earliest", "enable.auto.commit", "false", "heartbeat.interval.ms", 300, "metadata.max.age.ms", 500);
      all.putAll(Client.with(bootstrap, settings));
      if ("consumer".equals(all.get("group.protocol"))) all.remove("heartbeat.interval.ms");
      consumer = new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
      if (pattern == null) consumer.subscribe(List.of(name), this);
      else consumer.subscribe(pattern, this);
      thread = new Thread(this::run);
      members.add(this);
      thread.start();
    }

    Member(Object... settings) {
      this((SubscriptionPattern) null, settings);
    }

    void run() {
      try (consumer) {
        while (!leaving) {
          var records = consumer.poll(Duration.ofMillis(50));
          for (var record : records) seen.merge(record.topic() + " " + record.partition() + " " + record.offset(), 1, Integer::sum);
          if (slowMs > 0) Thread.sleep(slowMs);
          if (!records.isEmpty()) commit();
        }
      } catch (Exception e) {
        failure = e.getClass().getSimpleName();
        members.remove(this);
      }
    }

    void commit() {
      try {
        consumer.commitSync();
      } catch (RebalanceInProgressException | CommitFailedException e) {
        // Whoever has the partitions next reads on from the commit before.
      }
    }

    @Override public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      owned.addAll(partitions);
      if (!partitions.isEmpty()) events.add("+" + partitions.size());
    }

    @Override public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      owned.removeAll(partitions);
      if (!partitions.isEmpty()) events.add("-" + partitions.size());
    }

    @Override public void onPartitionsLost(Collection<TopicPartition> partitions) {
      owned.removeAll(partitions);
      events.add("lost " + partitions.size());
    }

    void leave() throws InterruptedException {
      leaving = true;
      thread.join();
      members.remove(this);
    }
  }

  /** Waits until the members own all partitions, each one, evenly; tells how many each has. */
  String settled(int partitions) throws InterruptedException {
    int most = (partitions + members.size() - 1) / members.size();
    Client.until(() -> partitions + " partitions are owned evenly by " + members.size() + ": " + members.stream().map(one -> one.owned + one.failure).toList(), () -> {
      Set<TopicPartition> all = new HashSet<>();
      int sum = 0;
      for (Member member : members) {
        if (member.owned.size() > most) return false;
        sum += member.owned.size();
        all.addAll(member.owned);
      }
      return sum == partitions && all.size() == partitions;
    });
    return Client.sorted(members.stream().map(member -> member.owned.size()).toList());
  }

  void allRead() throws Exception {
    writer.stop();
    Client.until(() -> "all is read: " + seen.size() + " of " + writer.written + writer.failure, () -> seen.size() == writer.written);
    Client.tell("every record was read", seen.size() == writer.written, "some twice", seen.values().stream().filter(times -> times > 1).count() > writer.written / 10);
    try (Admin admin = Client.admin(bootstrap)) {
      long sum = 0;
      for (var at : admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata().get().values()) sum += at.offset();
      Client.tell("committed", sum == writer.written);
    }
  }

  Object[] settingsOf(String kind) {
    return switch (kind) {
      case "consumer" -> new Object[] {"group.protocol", "consumer"};
      case "consumer-range" -> new Object[] {"group.protocol", "consumer", "group.remote.assignor", "range"};
      case "cooperative" -> new Object[] {"partition.assignment.strategy", CooperativeStickyAssignor.class.getName()};
      case "range" -> new Object[] {"partition.assignment.strategy", RangeAssignor.class.getName()};
      case "roundrobin" -> new Object[] {"partition.assignment.strategy", RoundRobinAssignor.class.getName()};
      case "sticky" -> new Object[] {"partition.assignment.strategy", StickyAssignor.class.getName()};
      default -> throw new IllegalArgumentException(kind);
    };
  }

  static Object[] and(Object[] settings, Object... more) {
    Object[] all = Arrays.copyOf(settings, settings.length + more.length);
    System.arraycopy(more, 0, all, settings.length, more.length);
    return all;
  }

  void joinLeave(String kind) throws Exception {
    Client.create(bootstrap, name, 6);
    writer.start(6);
    Member first = new Member(settingsOf(kind));
    Client.tell("one", settled(6));
    Member second = new Member(settingsOf(kind));
    Client.tell("two", settled(6));
    Set<TopicPartition> before = Set.copyOf(first.owned);
    new Member(settingsOf(kind));
    Client.tell("three", settled(6));
    boolean kept = before.containsAll(first.owned);
    second.leave();
    Client.tell("without the second", settled(6));
    if (kind.equals("cooperative") || kind.equals("consumer")) {
      Client.tell("kept what it had", kept);
      // It gave away what others needed, never all to get it back.
      Client.tell("never gave all", first.events.stream().noneMatch(event -> event.equals("-6")));
    }
    Client.tell("lost", members.stream().flatMap(member -> member.events.stream()).filter(event -> event.startsWith("lost")).count());
    try (Admin admin = Client.admin(bootstrap)) {
      var group = admin.describeConsumerGroups(List.of(name)).all().get().get(name);
      Client.tell("described", group.groupState(), group.type(), group.partitionAssignor(), group.members().size(),
          group.members().stream().mapToInt(member -> member.assignment().topicPartitions().size()).sum());
    }
    allRead();
  }

  void statics(String kind) throws Exception {
    Client.create(bootstrap, name, 4);
    Object[] settings = kind.equals("consumer") ? settingsOf(kind) : and(settingsOf(kind), "session.timeout.ms", 10_000);
    Member stays = new Member(and(settings, "group.instance.id", "stays"));
    Member goes = new Member(and(settings, "group.instance.id", "goes"));
    Client.tell("two", settled(4));
    Set<TopicPartition> had = Set.copyOf(goes.owned);
    goes.leave();
    stays.events.clear();
    Thread.sleep(700);
    Client.tell("while it is away", stays.owned.size(), stays.events);
    Member back = new Member(and(settings, "group.instance.id", "goes"));
    Client.until("it is back", () -> back.owned.size() == 2);
    Client.tell("back with the same", back.owned.equals(had), stays.events);
    Member twin = new Member(and(settings, "group.instance.id", "goes"));
    Client.until("one of the two is refused", () -> !back.failure.isEmpty() || !twin.failure.isEmpty());
    Client.tell("twins:", "first", back.failure, "second", twin.failure);
    if (twin.failure.isEmpty()) Client.until("the second has taken its place", () -> twin.owned.size() == 2);
    try (Admin admin = Client.admin(bootstrap)) {
      var group = admin.describeConsumerGroups(List.of(name)).all().get().get(name);
      Client.tell("instances", Client.sorted(group.members().stream().map(member -> member.groupInstanceId().orElse("-")).toList()));
      admin.removeMembersFromConsumerGroup(name, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("stays")))).all().get();
      Client.tell("removed");
    }
  }

  /** Who leads a classic group goes and comes back: nobody else hears of it, and it leads on when a partition is added (KIP-814). */
  void staticLeader(String kind) throws Exception {
    Client.create(bootstrap, name, 4);
    Object[] settings = and(settingsOf(kind), "session.timeout.ms", 10_000);
    Member leads = new Member(and(settings, "group.instance.id", "leads"));
    Client.tell("one", settled(4));
    Member follows = new Member(and(settings, "group.instance.id", "follows"));
    Client.tell("two", settled(4));
    Set<TopicPartition> had = Set.copyOf(leads.owned);
    leads.leave();
    follows.events.clear();
    Member back = new Member(and(settings, "group.instance.id", "leads"));
    Client.until("it is back", () -> back.owned.size() == 2);
    Client.tell("back with the same", back.owned.equals(had), follows.events);
    try (Admin admin = Client.admin(bootstrap)) {
      admin.createPartitions(Map.of(name, NewPartitions.increaseTo(6))).all().get();
    }
    Client.tell("more partitions", settled(6));
  }

  void pattern() throws Exception {
    Client.create(bootstrap, name + "-a", 2);
    Client.create(bootstrap, name + "-other.b", 1);
    Client.fill(bootstrap, name + "-a", 0, 3);
    Member member = new Member(new SubscriptionPattern(name + "-[a-c]+"), settingsOf("consumer"));
    Client.until("it has the topic that matches", () -> member.owned.size() == 2);
    Client.tell("owned", Client.sorted(member.owned));
    Client.create(bootstrap, name + "-b", 1);
    Client.until("it has the new one too", () -> member.owned.size() == 3);
    Client.tell("owned", Client.sorted(member.owned));
    Client.until("it reads", () -> seen.size() == 3);
    try (Admin admin = Client.admin(bootstrap)) {
      admin.deleteTopics(List.of(name + "-a")).all().get();
    }
    Client.until("what is gone is taken", () -> member.owned.size() == 1);
    Client.tell("owned", Client.sorted(member.owned));
    member.leave();
    Member wrong = new Member(new SubscriptionPattern("(" + name), settingsOf("consumer"));
    Client.until("it is refused", () -> !wrong.failure.isEmpty());
    Client.tell("no pattern", wrong.failure);
  }

  /** Members of the classic protocol are replaced one by one by those of the newer, while all goes on. */
  void migrate(String kind) throws Exception {
    Client.create(bootstrap, name, 6);
    writer.start(6);
    List<Member> old = List.of(new Member(settingsOf(kind)), new Member(settingsOf(kind)));
    Client.tell("before", settled(6), typeOf());
    Member first = new Member(settingsOf("consumer"));
    Client.tell("both", settled(6), typeOf());
    Client.tell("protocols", protocols());
    old.get(0).leave();
    Client.tell("one left", settled(6), typeOf());
    new Member(settingsOf("consumer"));
    old.get(1).leave();
    Client.tell("after", settled(6), typeOf());
    // And one of the classic protocol joins again: old and new may be rolled back.
    new Member(settingsOf(kind));
    Client.tell("back", settled(6), typeOf());
    first.leave();
    Client.tell("lost", members.stream().flatMap(member -> member.events.stream()).filter(event -> event.startsWith("lost")).count());
    settled(6);
    allRead();
  }

  String typeOf() throws Exception {
    try (Admin admin = Client.admin(bootstrap)) {
      return admin.describeConsumerGroups(List.of(name)).all().get().get(name).type().toString();
    }
  }

  /** Which members say that they are of the newer protocol. */
  String protocols() throws Exception {
    try (Admin admin = Client.admin(bootstrap)) {
      return Client.sorted(admin.describeConsumerGroups(List.of(name)).all().get().get(name).members().stream().map(member -> member.upgraded().map(is -> is ? "new" : "old").orElse("?")).toList());
    }
  }

  /** A member that does not poll in time loses its partitions to the others, and comes back. */
  void slow(String kind) throws Exception {
    Client.create(bootstrap, name, 4);
    writer.start(4);
    Object[] settings = and(settingsOf(kind), "max.poll.interval.ms", 1_000, "max.poll.records", 20);
    Member slow = new Member(settings);
    Client.tell("one", settled(4));
    Member quick = new Member(settings);
    Client.tell("two", settled(4));
    slow.slowMs = 4_000;
    Client.until("the other has all", () -> quick.owned.size() == 4);
    slow.slowMs = 0;
    Client.until("it came back, or failed", () -> slow.owned.size() == 2 && quick.owned.size() == 2 || !slow.failure.isEmpty());
    Client.tell("late:", slow.failure);
  }
}
