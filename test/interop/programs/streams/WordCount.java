// Kafka Streams: words counted by two instances, of which one closes midway, so that its tasks and their state move to the other.
// Arguments: the broker, the name of the topic to make, how many lines to write, a folder for the state.
// Or: the broker, "read", and a table made so; waits until it is there and tells its policy and its sum once that has not changed for 5 s.
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.*;

public class WordCount {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0], lines = args[1], counts = lines + "-counts";
    if (lines.equals("read")) {
      tell(bootstrap, args[2]);
      return;
    }
    int count = Integer.parseInt(args[2]);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      NewTopic table = new NewTopic(counts, 4, (short) 1).configs(Map.of("cleanup.policy", "compact"));
      admin.createTopics(List.of(new NewTopic(lines, 4, (short) 1), table)).all().get();
      KafkaStreams first = instance(bootstrap, lines, counts, args[3] + "/first");
      KafkaStreams second = instance(bootstrap, lines, counts, args[3] + "/second");
      Map<String, Long> expected = write(bootstrap, lines, count, second);
      Map<String, Long> read = read(bootstrap, counts, expected);
      System.out.println("counted " + read.values().stream().mapToLong(Long::longValue).sum() + (read.equals(expected) ? " right" : " wrong"));
      first.close(Duration.ofSeconds(30));
      System.out.println(new TreeSet<>(admin.listTopics().names().get()).subSet(lines, lines + "~"));
    }
  }

  static void tell(String bootstrap, String table) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, table);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      while (!admin.listTopics().names().get().contains(table)) Thread.sleep(200);
      System.out.println("policy " + admin.describeConfigs(List.of(resource)).all().get().get(resource).get("cleanup.policy").value());
    }
    Map<String, Long> read = new HashMap<>();
    try (KafkaConsumer<String, Long> consumer = reader(bootstrap, table)) {
      long changedMs = System.currentTimeMillis();
      while (read.isEmpty() || System.currentTimeMillis() - changedMs < 5000) {
        for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
          read.put(record.key(), record.value());
          changedMs = System.currentTimeMillis();
        }
      }
    }
    System.out.println("counted " + read.values().stream().mapToLong(Long::longValue).sum());
  }

  static KafkaConsumer<String, Long> reader(String bootstrap, String table) {
    Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "group.id", table + "-reader");
    KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new LongDeserializer());
    consumer.subscribe(List.of(table));
    return consumer;
  }

  /** Counts per word, over a topic that is partitioned anew by word; and per key and time. */
  static Topology topology(String lines, String counts) {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, String> texts = builder.stream(lines, Consumed.with(Serdes.String(), Serdes.String()));
    Grouped<String, String> grouped = Grouped.with(Serdes.String(), Serdes.String());
    texts.flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word, grouped)
        .count(Materialized.as("counts"))
        .toStream()
        .to(counts, Produced.with(Serdes.String(), Serdes.Long()));
    texts.groupByKey(grouped).windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofSeconds(5))).count(Materialized.as("windows"));
    return builder.build();
  }

  static KafkaStreams instance(String bootstrap, String lines, String counts, String state) {
    Properties settings = new Properties();
    settings.putAll(Map.of("application.id", lines + "-application", "bootstrap.servers", bootstrap, "state.dir", state));
    settings.putAll(Map.of("num.stream.threads", 2, "num.standby.replicas", 1, "commit.interval.ms", 200));
    KafkaStreams streams = new KafkaStreams(topology(lines, counts), settings);
    streams.start();
    return streams;
  }

  static Map<String, Long> write(String bootstrap, String lines, int count, KafkaStreams closing) throws Exception {
    Map<String, Long> expected = new HashMap<>();
    Random random = new Random(5);
    Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "linger.ms", 5, "compression.type", "lz4");
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < count; i++) {
        String line = "w" + random.nextInt(500) + " w" + random.nextInt(500);
        for (String word : line.split(" ")) expected.merge(word, 1L, Long::sum);
        producer.send(new ProducerRecord<>(lines, "k" + i % 97, line));
        if (i != count / 2) continue;
        producer.flush();
        while (closing.state() != KafkaStreams.State.RUNNING) Thread.sleep(100);
        if (!closing.close(Duration.ofSeconds(30))) System.out.println("the second instance did not close");
      }
    }
    return expected;
  }

  /** The table as it stands when it is what is expected, or after a minute. */
  static Map<String, Long> read(String bootstrap, String counts, Map<String, Long> expected) {
    Map<String, Long> read = new HashMap<>();
    try (KafkaConsumer<String, Long> consumer = reader(bootstrap, counts)) {
      long untilMs = System.currentTimeMillis() + 60_000;
      while (!read.equals(expected) && System.currentTimeMillis() < untilMs)
        consumer.poll(Duration.ofMillis(200)).forEach(record -> read.put(record.key(), record.value()));
    }
    return read;
  }
}
