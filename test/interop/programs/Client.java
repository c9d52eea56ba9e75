// What the programs beside this one share: clients with short waits, topics, and facts told line by line on standard output.
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;

final class Client {
  static final Duration SOON = Duration.ofMillis(200);

  interface Work<T> {
    T run() throws Exception;
  }

  static void tell(Object... words) {
    StringJoiner line = new StringJoiner(" ");
    for (Object word : words) line.add(String.valueOf(word));
    System.out.println(line);
  }

  static Map<String, Object> with(String bootstrap, Object... settings) {
    Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
    for (int i = 0; i < settings.length; i += 2) all.put((String) settings[i], settings[i + 1]);
    return all;
  }

  static KafkaProducer<String, String> producer(String bootstrap, Object... settings) {
    return new KafkaProducer<>(with(bootstrap, settings), new StringSerializer(), new StringSerializer());
  }

  /** Reads from the beginning unless told otherwise, commits nothing by itself. */
  static KafkaConsumer<String, String> consumer(String bootstrap, Object... settings) {
    Map<String, Object> all = with(bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", "false");
    all.putAll(with(bootstrap, settings));
    return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  static Admin admin(String bootstrap) {
    return Admin.create(with(bootstrap));
  }

  /** Keeps its records unless told otherwise: `fill` dates them to 1970, and a broker that looks for what is too old drops them at once. */
  static void create(Admin admin, String topic, int partitions, Map<String, String> configs) throws Exception {
    Map<String, String> all = new HashMap<>(Map.of("retention.ms", "-1"));
    all.putAll(configs);
    admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(all))).all().get();
    // A broker that has heard of a topic may not have its logs yet. A producer that is refused then can lose its place in the order of
    // its batches, and hold records back until they expire: seen with Kafka under load.
    Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
    for (int i = 0; i < partitions; i++) ends.put(at(topic, i), OffsetSpec.latest());
    until("the broker has " + topic, () -> failureOf(() -> admin.listOffsets(ends).all().get().size()).startsWith("none"));
  }

  static void create(String bootstrap, String topic, int partitions) throws Exception {
    try (Admin admin = admin(bootstrap)) {
      create(admin, topic, partitions, Map.of());
    }
  }

  /** Sends `count` records with values 0, 1, 2 … to one partition, in one batch as far as they fit. */
  static void fill(String bootstrap, String topic, int partition, int count) throws Exception {
    try (var producer = producer(bootstrap)) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, partition, (long) i, "k" + i, "" + i));
    }
  }

  /** Polls until `count` records have come. */
  static <K, V> List<ConsumerRecord<K, V>> poll(Consumer<K, V> consumer, int count) {
    List<ConsumerRecord<K, V>> got = new ArrayList<>();
    long endMs = System.currentTimeMillis() + 20_000;
    while (got.size() < count) {
      if (System.currentTimeMillis() > endMs) throw new IllegalStateException("only " + got.size() + " of " + count + " records came");
      for (var record : consumer.poll(SOON)) got.add(record);
    }
    return got;
  }

  static String valuesOf(Collection<? extends ConsumerRecord<?, ?>> records) {
    StringJoiner values = new StringJoiner(",");
    for (var record : records) values.add(String.valueOf(record.value()));
    return values.toString();
  }

  static void until(String what, BooleanSupplier is) throws InterruptedException {
    until(() -> what, is);
  }

  /** `what` is asked when the time is over: it may tell how things stand then. */
  static void until(Supplier<String> what, BooleanSupplier is) throws InterruptedException {
    long endMs = System.currentTimeMillis() + 25_000;
    while (!is.getAsBoolean()) {
      if (System.currentTimeMillis() > endMs) throw new IllegalStateException("it did not come to this: " + what.get());
      Thread.sleep(20);
    }
  }

  /** The name of what is thrown, of its cause where it only wraps one. */
  static String failureOf(Work<?> work) {
    try {
      return "none: " + work.run();
    } catch (Exception e) {
      Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
      return cause.getClass().getSimpleName();
    }
  }

  static TopicPartition at(String topic, int partition) {
    return new TopicPartition(topic, partition);
  }

  static String sorted(Collection<?> all) {
    return all.stream().map(String::valueOf).sorted().toList().toString();
  }
}
