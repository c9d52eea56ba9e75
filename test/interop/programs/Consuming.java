// Where Kafka's Java consumer goes, and what it gets there, in either group protocol. Arguments: the broker, the case, the protocol, a prefix.
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;

public class Consuming {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    String protocol = args[2];
    String topic = args[3];
    switch (args[1]) {
      case "seeks" -> seeks(bootstrap, protocol, topic);
      case "commits" -> commits(bootstrap, protocol, topic);
      case "resets" -> resets(bootstrap, protocol, topic);
      case "pauses" -> pauses(bootstrap, protocol, topic);
      default -> throw new IllegalArgumentException(args[1]);
    }
  }

  static void seeks(String bootstrap, String protocol, String topic) throws Exception {
    Client.create(bootstrap, topic, 2);
    Client.fill(bootstrap, topic, 0, 10);
    TopicPartition full = Client.at(topic, 0);
    TopicPartition empty = Client.at(topic, 1);
    try (var consumer = Client.consumer(bootstrap, "group.protocol", protocol, "group.id", topic, "max.poll.records", 3)) {
      consumer.assign(List.of(full));
      Client.tell("first", Client.valuesOf(Client.poll(consumer, 3)), "at", consumer.position(full));
      consumer.seek(full, 7);
      Client.tell("from 7", Client.valuesOf(Client.poll(consumer, 3)), "lag", consumer.currentLag(full).orElse(-1));
      consumer.seekToBeginning(List.of(full));
      Client.tell("from the beginning", Client.valuesOf(Client.poll(consumer, 1)));
      consumer.seekToEnd(List.of(full));
      Client.tell("the end", consumer.position(full));
      consumer.seek(full, new OffsetAndMetadata(4, Optional.of(0), "here"));
      Client.tell("from 4", Client.valuesOf(Client.poll(consumer, 1)));
      Client.tell("beginning", consumer.beginningOffsets(List.of(full, empty)).get(full), consumer.beginningOffsets(List.of(full, empty)).get(empty));
      Client.tell("end", consumer.endOffsets(List.of(full, empty)).get(full), consumer.endOffsets(List.of(full, empty)).get(empty));
      for (long time : new long[] {0, 5, 9, 10}) {
        var found = consumer.offsetsForTimes(Map.of(full, time)).get(full);
        Client.tell("at", time, found == null ? "none" : found.offset() + " " + found.timestamp() + " " + found.leaderEpoch().orElse(-1));
      }
      var nothing = consumer.offsetsForTimes(Map.of(empty, 0L));
      Client.tell("of an empty one", nothing.get(empty));
    }
  }

  static void commits(String bootstrap, String protocol, String topic) throws Exception {
    Client.create(bootstrap, topic, 2);
    Client.fill(bootstrap, topic, 0, 10);
    TopicPartition one = Client.at(topic, 0);
    TopicPartition two = Client.at(topic, 1);
    Object[] settings = {"group.protocol", protocol, "group.id", topic, "max.poll.records", 4};
    try (var consumer = Client.consumer(bootstrap, settings)) {
      consumer.subscribe(List.of(topic));
      Client.poll(consumer, 4);
      Client.tell("nothing yet", consumer.committed(Set.of(one)).get(one));
      consumer.commitSync();
      Client.tell("sync", consumer.committed(Set.of(one)).get(one).offset());
      consumer.commitSync(Map.of(one, new OffsetAndMetadata(2, Optional.of(0), "ein Wörtchen"), two, new OffsetAndMetadata(0)));
      var committed = consumer.committed(Set.of(one, two));
      Client.tell("metadata", committed.get(one).offset(), committed.get(one).metadata(), committed.get(one).leaderEpoch().orElse(-1), committed.get(two).offset());
      var answered = new CompletableFuture<String>();
      consumer.commitAsync(Map.of(one, new OffsetAndMetadata(5)), (offsets, e) -> answered.complete(e == null ? offsets.get(one).offset() + "" : e.toString()));
      Client.until("the commit is answered", () -> {
        consumer.poll(Duration.ofMillis(10));
        return answered.isDone();
      });
      Client.tell("async", answered.get());
      Client.tell("of a topic that is not there", Client.failureOf(() -> {
        consumer.commitSync(Map.of(Client.at(topic + "-gone", 0), new OffsetAndMetadata(1)), Duration.ofSeconds(1));
        return "committed";
      }));
      Client.tell("group", consumer.groupMetadata().groupId().equals(topic), consumer.groupMetadata().generationId() > 0);
    }
    try (var consumer = Client.consumer(bootstrap, settings)) {
      consumer.subscribe(List.of(topic));
      Client.tell("goes on with", Client.valuesOf(Client.poll(consumer, 1).subList(0, 1)));
    }
    // Commits from outside the group, and in one that nobody has joined.
    try (var consumer = Client.consumer(bootstrap, "group.protocol", protocol, "group.id", topic + "-alone")) {
      consumer.assign(List.of(one));
      consumer.commitSync(Map.of(one, new OffsetAndMetadata(9)));
      Client.tell("alone", Client.valuesOf(Client.poll(consumer, 1).subList(0, 1)), consumer.committed(Set.of(one)).get(one).offset());
    }
    Object[] automatic = {"group.protocol", protocol, "group.id", topic + "-auto", "enable.auto.commit", "true", "auto.commit.interval.ms", 100};
    try (var consumer = Client.consumer(bootstrap, automatic)) {
      consumer.subscribe(List.of(topic));
      Client.poll(consumer, 10);
      Client.until("it commits by itself", () -> {
        consumer.poll(Duration.ofMillis(10));
        var at = consumer.committed(Set.of(one)).get(one);
        return at != null && at.offset() == 10;
      });
      Client.tell("auto", 10);
    }
  }

  static void resets(String bootstrap, String protocol, String topic) throws Exception {
    Client.create(bootstrap, topic, 1);
    long nowMs = System.currentTimeMillis();
    try (var producer = Client.producer(bootstrap)) {
      for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, nowMs - (10 - i) * 60_000L, "k", "" + i));
    }
    TopicPartition one = Client.at(topic, 0);
    try (Admin admin = Client.admin(bootstrap)) {
      var deleted = admin.deleteRecords(Map.of(one, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(one).get();
      Client.tell("low watermark", deleted.lowWatermark());
      Client.tell("beyond the end", Client.failureOf(() -> admin.deleteRecords(Map.of(one, RecordsToDelete.beforeOffset(99))).all().get()));
    }
    // Five and a half minutes back: the record of five minutes ago is the first.
    for (String policy : List.of("earliest", "by_duration:PT5M30S", "none", "latest")) {
      try (var consumer = Client.consumer(bootstrap, "group.protocol", protocol, "group.id", topic + "-" + policy.split(":")[0], "auto.offset.reset", policy)) {
        consumer.assign(List.of(one));
        Client.tell(policy, "without an offset", Client.failureOf(() -> consumer.position(one)));
        consumer.seek(one, 1);
        Client.tell(policy, "below the start", Client.failureOf(() -> {
          if (policy.equals("latest")) {
            Client.until("it goes to the end", () -> consumer.poll(Duration.ofMillis(20)).isEmpty() && consumer.position(one) != 1);
            return consumer.position(one);
          }
          return Client.poll(consumer, 1).get(0).offset();
        }));
        consumer.seek(one, 1_000);
        Client.tell(policy, "beyond the end", Client.failureOf(() -> {
          Client.until("it is set back", () -> {
            consumer.poll(Duration.ofMillis(20));
            return consumer.position(one) != 1_000;
          });
          return policy.equals("latest") ? consumer.position(one) : "somewhere";
        }));
      }
    }
  }

  static void pauses(String bootstrap, String protocol, String topic) throws Exception {
    Client.create(bootstrap, topic, 2);
    Client.fill(bootstrap, topic, 0, 5);
    TopicPartition one = Client.at(topic, 0);
    TopicPartition two = Client.at(topic, 1);
    try (var consumer = Client.consumer(bootstrap, "group.protocol", protocol, "group.id", topic)) {
      consumer.assign(List.of(one, two));
      consumer.pause(List.of(one));
      Client.fill(bootstrap, topic, 1, 5);
      var got = Client.poll(consumer, 5);
      Client.tell("paused", consumer.paused(), got.stream().allMatch(record -> record.partition() == 1));
      consumer.resume(List.of(one));
      Client.tell("resumed", Client.valuesOf(Client.poll(consumer, 5)));
      // What waits is answered as soon as something comes.
      long startMs = System.currentTimeMillis();
      var waiting = new Thread(() -> {
        try {
          Thread.sleep(300);
          Client.fill(bootstrap, topic, 0, 1);
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      });
      waiting.start();
      var late = consumer.poll(Duration.ofSeconds(10));
      waiting.join();
      Client.tell("waited for", late.count(), System.currentTimeMillis() - startMs < 5_000);
      Thread waker = new Thread(() -> consumer.wakeup());
      waker.start();
      Client.tell("woken", Client.failureOf(() -> consumer.poll(Duration.ofSeconds(10)).count()));
      waker.join();
    }
  }
}
