// Kafka's Java client of any version since 2.1, with what all of them have. Arguments: the broker, what to do, the topic, and more.
//   produce TOPIC CODEC COUNT FIRST     values FIRST … to partitions 0 and 1 in turn, with a header; tells the offsets of the last two
//   read TOPIC COUNT                    from the beginning; tells sums of what came, and its headers
//   join TOPIC GROUP                    a member of a group until it is stopped; tells when it has one partition, and has read and committed there
//   admin TOPIC                         makes, lists, describes, deletes
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.AppInfoParser;

public class OldClient {
  public static void main(String[] args) throws Exception {
    Thread.currentThread().setContextClassLoader(OldClient.class.getClassLoader());
    System.out.println("version " + AppInfoParser.getVersion());
    switch (args[1]) {
      case "produce": produce(args[0], args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5])); break;
      case "read": read(args[0], args[2], Integer.parseInt(args[3])); break;
      case "join": join(args[0], args[2], args[3]); break;
      default: admin(args[0], args[2]);
    }
  }

  static Map<String, Object> with(String bootstrap, Object... settings) {
    Map<String, Object> all = new HashMap<>();
    all.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < settings.length; i += 2) all.put((String) settings[i], settings[i + 1]);
    return all;
  }

  static void produce(String bootstrap, String topic, String codec, int count, int first) throws Exception {
    Map<String, Object> settings = with(bootstrap, "compression.type", codec, "enable.idempotence", true, "acks", "all", "linger.ms", 5);
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      for (int i = first; i < first + count; i++) {
        ProducerRecord<String, String> record = new ProducerRecord<>(topic, i % 2, "k" + i, "" + i);
        record.headers().add("h", codec.getBytes());
        answers.add(producer.send(record));
      }
      System.out.println("offsets " + answers.get(count - 2).get().offset() + " " + answers.get(count - 1).get().offset());
    }
  }

  static KafkaConsumer<String, String> consumer(String bootstrap, Object... settings) {
    Map<String, Object> all = with(bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", false);
    all.putAll(with(bootstrap, settings));
    return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  static void read(String bootstrap, String topic, int count) {
    TopicPartition one = new TopicPartition(topic, 0);
    TopicPartition two = new TopicPartition(topic, 1);
    try (KafkaConsumer<String, String> consumer = consumer(bootstrap)) {
      consumer.assign(Arrays.asList(one, two));
      long sum = 0;
      int came = 0;
      TreeSet<String> headers = new TreeSet<>();
      for (long endMs = System.currentTimeMillis() + 20_000; came < count && System.currentTimeMillis() < endMs; ) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          if (!record.key().equals("k" + record.value())) throw new IllegalStateException(record.toString());
          sum += Long.parseLong(record.value());
          headers.add(new String(record.headers().lastHeader("h").value()));
          came++;
        }
      }
      System.out.println("read " + came + " sum " + sum + " " + headers);
      String commit = "done";
      try {
        consumer.commitSync();
      } catch (KafkaException e) {
        commit = "refused";
      }
      System.out.println("commit without a group: " + commit);
      System.out.println("ends " + consumer.endOffsets(Arrays.asList(one, two)).values());
      consumer.seek(one, 3);
      System.out.println("from 3: " + consumer.poll(Duration.ofSeconds(5)).records(one).get(0).offset());
    }
  }

  static void join(String bootstrap, String topic, String group) {
    try (KafkaConsumer<String, String> consumer = consumer(bootstrap, "group.id", group, "heartbeat.interval.ms", 300)) {
      consumer.subscribe(Collections.singletonList(topic));
      boolean told = false;
      try {
        while (true) {
          int came = consumer.poll(Duration.ofMillis(100)).count();
          if (consumer.assignment().size() != 1 || came == 0) continue;
          try {
            consumer.commitSync();
          } catch (CommitFailedException | RetriableException e) {
            continue;
          }
          if (!told) System.out.println("shares");
          told = true;
        }
      } catch (InterruptException e) {
        // It is stopped: it leaves in order.
        Thread.interrupted();
      }
    }
  }

  static void admin(String bootstrap, String topic) throws Exception {
    try (AdminClient admin = AdminClient.create(with(bootstrap))) {
      admin.createTopics(Collections.singletonList(new NewTopic(topic, 2, (short) 1))).all().get();
      System.out.println("listed " + admin.listTopics().names().get().contains(topic));
      try (KafkaConsumer<String, String> consumer = consumer(bootstrap)) {
        System.out.println("partitions " + consumer.partitionsFor(topic).size());
      }
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
      System.out.println("retention " + admin.describeConfigs(Collections.singletonList(resource)).all().get().get(resource).get("retention.ms").value());
      System.out.println("cluster " + admin.describeCluster().nodes().get().size());
      admin.deleteTopics(Collections.singletonList(topic)).all().get();
    }
  }
}
