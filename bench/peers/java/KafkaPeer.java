/** Apache Kafka's own Java client against a broker on this machine: 4 partitions, acks=all, idempotent, batches of 128 KiB. */
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class KafkaPeer {
    private static final int PARTITIONS = 4;
    private static final long SILENCE_NANOS = 30_000_000_000L;
    private static String bootstrap;

    public static void main(String[] args) throws Exception {
        Load load = new Load(args);
        bootstrap = load.options.get("bootstrap");
        warmUp(load.count("records100") / 2);
        replayed(load, "small", "100 B", 100, load.count("records100"));
        if (load.wants("both 100 B")) both(load.count("records100"));
        replayed(load, "large", "1 KiB", 1024, load.count("records1k"));
        if (load.wants("synced, batched")) syncedBatched(load.count("syncedBatched"));
        if (load.wants("synced, one by one")) syncedOneByOne(load.count("syncedOneByOne"));
        int ms = load.count("latencyMs");
        if (load.wants("latency 1,000/s")) latency("latency 1,000/s", "slow", 1_000, ms);
        if (load.wants("latency 50,000/s")) latency("latency 50,000/s", "fast", 50_000, 50 * ms);
    }

    private static void warmUp(int count) throws Exception {
        makeTopic("warm-up", false);
        produce("warm-up", 100, count);
        replay("warm-up", count);
        dropTopic("warm-up");
    }

    private static void replayed(Load load, String topic, String size, int valueBytes, int count) throws Exception {
        if (!load.wants("produce " + size) && !load.wants("replay " + size)) return;
        makeTopic(topic, false);
        long start = System.nanoTime();
        long acked = produce(topic, valueBytes, count);
        Load.tell("produce " + size, Load.perSecond(count, start), "records/s", String.valueOf(acked));
        start = System.nanoTime();
        String check = replay(topic, count);
        Load.tell("replay " + size, Load.perSecond(count, start), "records/s", check);
        dropTopic(topic);
    }

    private static void both(int count) throws Exception {
        makeTopic("both", false);
        String[] check = new String[1];
        long start = System.nanoTime();
        Thread reader = new Thread(() -> check[0] = replay("both", count));
        reader.start();
        produce("both", 100, count);
        reader.join();
        if (check[0] == null) throw new IllegalStateException("the reader failed");
        Load.tell("both 100 B", Load.perSecond(count, start), "records/s", check[0]);
        dropTopic("both");
    }

    private static void syncedBatched(int count) throws Exception {
        makeTopic("synced", true);
        produce("synced", 100, count / 10);
        long start = System.nanoTime();
        long acked = produce("synced", 100, count);
        Load.tell("synced, batched", Load.perSecond(count, start), "records/s", String.valueOf(acked));
        dropTopic("synced");
    }

    private static void syncedOneByOne(int count) throws Exception {
        makeTopic("alone", true);
        try (KafkaProducer<byte[], byte[]> producer = makeProducer(0)) {
            byte[] value = Load.makeValue(100);
            int warmUps = count / 5;
            long start = 0;
            for (int i = 0; i < warmUps + count; i++) {
                if (i == warmUps) start = System.nanoTime();
                Load.writeNumber(value, i);
                producer.send(new ProducerRecord<>("alone", Load.keyOf(i), value)).get();
            }
            Load.tell("synced, one by one", Load.perSecond(count, start), "records/s", String.valueOf(count));
        }
        dropTopic("alone");
    }

    private static void latency(String work, String topic, int recordsPerSecond, int count) throws Exception {
        makeTopic(topic, false);
        Load.DelayLog delays = new Load.DelayLog(count);
        try (KafkaConsumer<byte[], byte[]> consumer = makeConsumer(topic); KafkaProducer<byte[], byte[]> producer = makeProducer(0)) {
            producer.partitionsFor(topic);
            consumer.poll(Duration.ofMillis(100));
            Thread writer = new Thread(() -> {
                try {
                    byte[] value = Load.makeValue(100);
                    Load.sendAtPace(recordsPerSecond, count, (index, due) -> {
                        Load.writeNumber(value, index);
                        Load.writeDue(value, due);
                        producer.send(new ProducerRecord<>(topic, Load.keyOf(index), value));
                    });
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            writer.start();
            while (!delays.done()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    delays.add((int) Load.readNumber(record.value(), 0), Load.readDue(record.value(), 0));
                }
            }
            writer.join();
        }
        delays.tell(work);
        dropTopic(topic);
    }

    /** The records that were acknowledged. `send` has copied key and value when it returns. */
    private static long produce(String topic, int valueBytes, int count) {
        AtomicLong acked = new AtomicLong();
        try (KafkaProducer<byte[], byte[]> producer = makeProducer(5)) {
            byte[] value = Load.makeValue(valueBytes);
            for (int i = 0; i < count; i++) {
                Load.writeNumber(value, i);
                producer.send(new ProducerRecord<>(topic, Load.keyOf(i), value), (metadata, error) -> {
                    if (error == null) acked.incrementAndGet();
                });
            }
            producer.flush();
        }
        return acked.get();
    }

    private static String replay(String topic, int count) {
        Load.Tally tally = new Load.Tally();
        try (KafkaConsumer<byte[], byte[]> consumer = makeConsumer(topic)) {
            long heardNanos = System.nanoTime();
            while (tally.count < count) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(1));
                for (ConsumerRecord<byte[], byte[]> record : records) tally.take(record.key(), record.value());
                if (!records.isEmpty()) heardNanos = System.nanoTime();
                else if (System.nanoTime() - heardNanos > SILENCE_NANOS) throw new IllegalStateException(topic + " fell silent at " + tally.check());
            }
        }
        return tally.check();
    }

    private static KafkaProducer<byte[], byte[]> makeProducer(int lingerMs) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        settings.put("batch.size", "131072");
        settings.put("linger.ms", String.valueOf(lingerMs));
        settings.put("buffer.memory", "67108864");
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static KafkaConsumer<byte[], byte[]> makeConsumer(String topic) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("max.poll.records", "10000");
        settings.put("max.partition.fetch.bytes", "4194304");
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        for (int i = 0; i < PARTITIONS; i++) partitions.add(new TopicPartition(topic, i));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        return consumer;
    }

    private static void makeTopic(String name, boolean isSynced) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            NewTopic topic = new NewTopic(name, PARTITIONS, (short) 1);
            if (isSynced) topic.configs(Map.of("flush.messages", "1"));
            admin.createTopics(List.of(topic)).all().get();
        }
        // A producer that starts while the broker is still taking up its partitions may find its sequences out of order for good.
        try (KafkaProducer<byte[], byte[]> producer = makeProducer(0)) {
            while (producer.partitionsFor(name).stream().anyMatch((partition) -> partition.leader() == null)) Thread.sleep(50);
        }
        Thread.sleep(500);
    }

    private static void dropTopic(String name) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.deleteTopics(List.of(name)).all().get();
        }
    }
}
