// Clients of Apache Kafka that go on while their broker is killed again and again: an idempotent producer for each topic, whose n-th record of a
// partition has the value n, and a group of two members of each protocol. Told "stop", the producers end, and the members when they have read all.
//
//   ack topic partition offset number          a record was acknowledged
//   begin group topic partition position       a member begins to read a partition there
//   got group topic partition first last       it was given these records, each with its offset as its value
//   commit group topic partition offset        a commit was acknowledged
//   produced topic partition count             all of these were acknowledged
//   wrong …                                    what may not be
import java.io.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class KillClients {
  static final PrintStream out = new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false);
  static final Map<TopicPartition, Long> produced = new ConcurrentHashMap<>();
  /** By group, where it has got to. */
  static final Map<String, Map<TopicPartition, Long>> given = new ConcurrentHashMap<>();
  static volatile boolean stopping = false;
  static volatile boolean ended = false;

  static void say(String line) {
    synchronized (out) {
      out.println(line);
    }
  }

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    String[] topics = args[1].split(",");
    int partitions = Integer.parseInt(args[2]);
    int perSecond = Integer.parseInt(args[3]);
    Thread flusher = new Thread(() -> {
      while (true) {
        synchronized (out) {
          out.flush();
        }
        pause(20);
      }
    });
    flusher.setDaemon(true);
    flusher.start();
    List<Thread> producers = new ArrayList<>();
    for (String topic : topics) producers.add(run(() -> produce(bootstrap, topic, partitions, perSecond)));
    List<Thread> members = new ArrayList<>();
    for (String protocol : new String[] {"classic", "consumer"})
      for (int i = 0; i < 2; i++) members.add(run(() -> consume(bootstrap, "java-" + protocol, protocol, topics)));
    new BufferedReader(new InputStreamReader(System.in)).readLine();
    stopping = true;
    for (Thread one : producers) one.join();
    produced.forEach((place, count) -> say("produced " + place.topic() + " " + place.partition() + " " + count));
    ended = true;
    for (Thread one : members) one.join();
    out.flush();
  }

  static Thread run(Runnable task) {
    Thread thread = new Thread(() -> {
      try {
        task.run();
      } catch (Throwable thrown) {
        say("wrong " + String.valueOf(thrown).replace('\n', ' '));
      }
    });
    thread.start();
    return thread;
  }

  static void produce(String bootstrap, String topic, int partitions, int perSecond) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("acks", "all");
    config.put("enable.idempotence", "true");
    config.put("delivery.timeout.ms", "2147483647");
    config.put("request.timeout.ms", "5000");
    config.put("max.block.ms", "600000");
    config.put("linger.ms", "2");
    config.put("retry.backoff.ms", "20");
    config.put("reconnect.backoff.ms", "20");
    config.put("reconnect.backoff.max.ms", "200");
    config.put("compression.type", topic.endsWith("d") ? "lz4" : "none");
    Semaphore room = new Semaphore(2000);
    try (KafkaProducer<byte[], String> producer = new KafkaProducer<>(config, new ByteArraySerializer(), new StringSerializer())) {
      long begun = System.nanoTime();
      for (long count = 0; !stopping; count++) {
        int partition = (int) (count % partitions);
        long number = count / partitions;
        room.acquireUninterruptibly();
        producer.send(new ProducerRecord<>(topic, partition, null, Long.toString(number)), (metadata, error) -> {
          room.release();
          if (error != null) say("wrong send " + topic + " " + partition + " " + number + " " + String.valueOf(error).replace('\n', ' '));
          else say("ack " + topic + " " + partition + " " + metadata.offset() + " " + number);
        });
        produced.put(new TopicPartition(topic, partition), number + 1);
        long aheadMs = count * 1000 / perSecond - (System.nanoTime() - begun) / 1_000_000;
        if (aheadMs > 0) pause(aheadMs);
        // What could not be sent while the broker was away is not made up for at once.
        else if (aheadMs < -1000) begun -= (aheadMs + 1000) * 1_000_000;
      }
      producer.flush();
    }
  }

  static void consume(String bootstrap, String group, String protocol, String[] topics) {
    given.putIfAbsent(group, new ConcurrentHashMap<>());
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("group.id", group);
    config.put("group.protocol", protocol);
    config.put("enable.auto.commit", "false");
    config.put("auto.offset.reset", "earliest");
    config.put("reconnect.backoff.ms", "20");
    config.put("reconnect.backoff.max.ms", "200");
    config.put("retry.backoff.ms", "20");
    config.put("request.timeout.ms", "5000");
    config.put("default.api.timeout.ms", "20000");
    if (protocol.equals("classic")) {
      config.put("session.timeout.ms", "6000");
      config.put("heartbeat.interval.ms", "300");
      config.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    }
    try (KafkaConsumer<byte[], String> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new StringDeserializer())) {
      Set<TopicPartition> fresh = new HashSet<>();
      consumer.subscribe(List.of(topics), new ConsumerRebalanceListener() {
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
          fresh.addAll(partitions);
        }

        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
          fresh.removeAll(partitions);
        }
      });
      while (!ended || !readAll(group)) {
        ConsumerRecords<byte[], String> records = poll(consumer);
        Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
        for (TopicPartition place : records.partitions()) {
          List<ConsumerRecord<byte[], String>> some = records.records(place);
          long first = some.get(0).offset();
          if (fresh.remove(place)) say("begin " + group + " " + place.topic() + " " + place.partition() + " " + first);
          long next = first;
          for (ConsumerRecord<byte[], String> one : some) {
            if (one.offset() != next || !one.value().equals(Long.toString(next)))
              say("wrong " + group + " was given " + place + " offset " + one.offset() + " with " + one.value() + " where " + next + " comes");
            next = one.offset() + 1;
          }
          say("got " + group + " " + place.topic() + " " + place.partition() + " " + first + " " + (next - 1));
          given.get(group).merge(place, next, Math::max);
          done.put(place, new OffsetAndMetadata(next));
        }
        if (!done.isEmpty()) commit(consumer, group, done);
      }
    }
  }

  static ConsumerRecords<byte[], String> poll(KafkaConsumer<byte[], String> consumer) {
    try {
      return consumer.poll(Duration.ofMillis(100));
    } catch (RetriableException | CommitFailedException | RebalanceInProgressException again) {
      return ConsumerRecords.empty();
    }
  }

  static void commit(KafkaConsumer<byte[], String> consumer, String group, Map<TopicPartition, OffsetAndMetadata> done) {
    try {
      consumer.commitSync(done);
    } catch (RetriableException | CommitFailedException | RebalanceInProgressException lost) {
      // It was not acknowledged: it may count, or not.
      return;
    }
    done.forEach((place, offset) -> say("commit " + group + " " + place.topic() + " " + place.partition() + " " + offset.offset()));
  }

  static boolean readAll(String group) {
    for (Map.Entry<TopicPartition, Long> place : produced.entrySet())
      if (given.get(group).getOrDefault(place.getKey(), 0L) < place.getValue()) return false;
    return true;
  }

  static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException stop) {
      throw new RuntimeException(stop);
    }
  }
}
