// What Kafka's Java producer sends, and what a consumer then finds. Arguments: the broker, the case, a prefix for topics.
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

public class Producing {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    switch (args[1]) {
      case "codecs" -> codecs(bootstrap, args[2]);
      case "acks" -> acks(bootstrap, args[2]);
      case "sizes" -> sizes(bootstrap, args[2]);
      case "topics" -> topics(bootstrap, args[2]);
      case "times" -> times(bootstrap, args[2]);
      case "compacted" -> compacted(bootstrap, args[2]);
      case "through" -> through(bootstrap, args[2], Integer.parseInt(args[3]));
      default -> throw new IllegalArgumentException(args[1]);
    }
  }

  /** Bytes in, the same bytes out: keys, values, headers, nulls of each, in every codec. */
  static void codecs(String bootstrap, String topic) throws Exception {
    Client.create(bootstrap, topic, 1);
    List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
    Random random = new Random(7);
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      var settings = Client.with(bootstrap, "compression.type", codec, "linger.ms", 20, "batch.size", 40_000);
      try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
        List<Future<RecordMetadata>> answers = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
          byte[] value = new byte[random.nextInt(1000)];
          // Half of it can be compressed.
          if (i % 2 == 0) random.nextBytes(value);
          var record = new ProducerRecord<>(topic, 0, 1_000L + i, i % 5 == 0 ? null : ("key " + i).getBytes(), i % 7 == 0 ? null : value);
          if (i % 3 == 0) record.headers().add("codec", codec.getBytes()).add("codec", null).add("ü", new byte[0]);
          sent.add(record);
          answers.add(producer.send(record));
        }
        long first = answers.get(0).get().offset();
        for (int i = 0; i < answers.size(); i++) {
          var answer = answers.get(i).get();
          if (answer.offset() != first + i || answer.timestamp() != 1_000 + i) throw new IllegalStateException("receipt " + i + ": " + answer);
        }
        Client.tell(codec, "sent from", first);
      }
    }
    var settings = Client.with(bootstrap, "auto.offset.reset", "earliest", "group.id", topic, "max.poll.records", 10_000);
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(Client.at(topic, 0)));
      var got = Client.poll(consumer, sent.size());
      for (int i = 0; i < sent.size(); i++) {
        var a = sent.get(i);
        var b = got.get(i);
        boolean same = b.offset() == i && b.timestamp() == a.timestamp() && Arrays.equals(a.key(), b.key()) && Arrays.equals(a.value(), b.value());
        if (!same || !Arrays.equals(a.headers().toArray(), b.headers().toArray())) throw new IllegalStateException("record " + i + ": " + b);
      }
      Client.tell("the same", got.size());
    }
  }

  static void acks(String bootstrap, String topic) throws Exception {
    Client.create(bootstrap, topic, 1);
    for (String acks : List.of("0", "1", "all")) {
      try (var producer = Client.producer(bootstrap, "acks", acks, "enable.idempotence", acks.equals("all"))) {
        Client.tell("acks", acks, producer.send(new ProducerRecord<>(topic, acks)).get().offset());
      }
    }
    try (var consumer = Client.consumer(bootstrap)) {
      consumer.assign(List.of(Client.at(topic, 0)));
      Client.tell("values", Client.valuesOf(Client.poll(consumer, 3)));
    }
  }

  /** A record that is too large fails alone; the others come, also to a consumer that would rather have less. */
  static void sizes(String bootstrap, String topic) throws Exception {
    try (Admin admin = Client.admin(bootstrap)) {
      Client.create(admin, topic, 1, Map.of("max.message.bytes", "10000"));
    }
    try (var producer = Client.producer(bootstrap, "batch.size", 9_000, "linger.ms", 20)) {
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      for (int i = 0; i < 8; i++) answers.add(producer.send(new ProducerRecord<>(topic, ("" + i).repeat(3_000))));
      Client.tell("large", Client.failureOf(() -> producer.send(new ProducerRecord<>(topic, "x".repeat(20_000))).get()));
      StringJoiner offsets = new StringJoiner(",");
      for (var answer : answers) offsets.add("" + answer.get().offset());
      Client.tell("small", offsets);
    }
    try (var consumer = Client.consumer(bootstrap, "fetch.max.bytes", 1, "max.partition.fetch.bytes", 1)) {
      consumer.assign(List.of(Client.at(topic, 0)));
      StringJoiner values = new StringJoiner(",");
      for (var record : Client.poll(consumer, 8)) values.add(record.value().charAt(0) + "×" + record.value().length());
      Client.tell("read", values);
    }
  }

  static void topics(String bootstrap, String topic) throws Exception {
    // On a machine that is busy a topic takes its time to be made; that one is missing is to be told soon.
    try (var producer = Client.producer(bootstrap)) {
      Client.tell("made", producer.send(new ProducerRecord<>(topic, "first")).get().offset(), producer.partitionsFor(topic).size());
    }
    try (var producer = Client.producer(bootstrap, "max.block.ms", 5_000)) {
      Client.tell("bad name", Client.failureOf(() -> producer.send(new ProducerRecord<>("bad/name", "x")).get()));
      Client.tell("bad partition", Client.failureOf(() -> producer.send(new ProducerRecord<>(topic, 9, "k", "x")).get()));
    }
    try (var consumer = Client.consumer(bootstrap, "allow.auto.create.topics", "false", "default.api.timeout.ms", 5_000)) {
      Client.tell("unknown", Client.failureOf(() -> consumer.partitionsFor(topic + "-unknown").size()));
      Client.tell("listed", consumer.listTopics().containsKey(topic), consumer.listTopics().containsKey(topic + "-unknown"));
    }
    try (Admin admin = Client.admin(bootstrap)) {
      admin.deleteTopics(List.of(topic)).all().get();
      create(admin, topic);
    }
    // A topic of the same name is another one: the producer learns its id.
    try (var producer = Client.producer(bootstrap)) {
      Client.tell("again", producer.send(new ProducerRecord<>(topic, "first")).get().offset());
      try (Admin admin = Client.admin(bootstrap)) {
        admin.deleteTopics(List.of(topic)).all().get();
        create(admin, topic);
      }
      Client.tell("and again", producer.send(new ProducerRecord<>(topic, "first")).get().offset());
    }
  }

  /** A name is free when the topic that had it is gone from every broker. */
  static void create(Admin admin, String topic) throws Exception {
    Client.until("the name is free", () -> {
      try {
        Client.create(admin, topic, 1, Map.of());
        return true;
      } catch (Exception e) {
        return false;
      }
    });
  }

  static void times(String bootstrap, String topic) throws Exception {
    try (Admin admin = Client.admin(bootstrap)) {
      Client.create(admin, topic + "-late", 1, Map.of("message.timestamp.before.max.ms", "60000", "message.timestamp.after.max.ms", "60000"));
      Client.create(admin, topic + "-append", 1, Map.of("message.timestamp.type", "LogAppendTime"));
    }
    try (var producer = Client.producer(bootstrap)) {
      long nowMs = System.currentTimeMillis();
      for (long off : new long[] {-120_000, 0, 120_000})
        Client.tell("off", off, Client.failureOf(() -> producer.send(new ProducerRecord<>(topic + "-late", 0, nowMs + off, "k", "v")).get().offset()));
      var answer = producer.send(new ProducerRecord<>(topic + "-append", 0, 5L, "k", "v")).get();
      Client.tell("stamped", Math.abs(answer.timestamp() - nowMs) < 60_000);
    }
    try (var consumer = Client.consumer(bootstrap)) {
      consumer.assign(List.of(Client.at(topic + "-append", 0)));
      var record = Client.poll(consumer, 1).get(0);
      Client.tell("type", record.timestampType(), record.timestamp() > 5);
    }
  }

  static void compacted(String bootstrap, String topic) throws Exception {
    try (Admin admin = Client.admin(bootstrap)) {
      Client.create(admin, topic, 1, Map.of("cleanup.policy", "compact"));
    }
    try (var producer = Client.producer(bootstrap)) {
      Client.tell("no key", Client.failureOf(() -> producer.send(new ProducerRecord<>(topic, "v")).get()));
      Client.tell("key", producer.send(new ProducerRecord<>(topic, "k", "v")).get().offset());
      Client.tell("tombstone", producer.send(new ProducerRecord<>(topic, "k", null)).get().offset());
    }
  }

  /** Idempotent, whatever happens to its connections: every record once and in order. */
  static void through(String bootstrap, String topic, int count) throws Exception {
    Client.create(bootstrap, topic, 2);
    var settings = new Object[] {"linger.ms", 2, "batch.size", 2_000, "retry.backoff.ms", 5, "reconnect.backoff.ms", 1, "delivery.timeout.ms", 60_000, "request.timeout.ms", 10_000};
    try (var producer = Client.producer(bootstrap, settings)) {
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        answers.add(producer.send(new ProducerRecord<>(topic, i % 2, "k", "" + i)));
        if (i % 50 == 0) Thread.sleep(5);
      }
      long[] next = new long[2];
      int out = 0;
      for (int i = 0; i < count; i++) if (answers.get(i).get().offset() != next[i % 2]++) out++;
      Client.tell("out of order", out);
    }
    try (var consumer = Client.consumer(bootstrap, "reconnect.backoff.ms", 1, "retry.backoff.ms", 5, "fetch.max.bytes", 4_000)) {
      consumer.assign(List.of(Client.at(topic, 0), Client.at(topic, 1)));
      var ends = consumer.endOffsets(consumer.assignment());
      Client.tell("ends", ends.get(Client.at(topic, 0)), ends.get(Client.at(topic, 1)));
      int[] next = {0, 1};
      int wrong = 0;
      for (var record : Client.poll(consumer, count)) {
        if (!record.value().equals("" + next[record.partition()])) wrong++;
        next[record.partition()] += 2;
      }
      Client.tell("wrong", wrong);
    }
  }
}
