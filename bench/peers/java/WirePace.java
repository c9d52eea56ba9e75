/**
 * End to end through a broker: each record is sent when it is due, and counted from that moment until the consumer has it. Producer and
 * consumer are threads of this process, as Kafka's Java client has them; the topic is there. name=value: bootstrap, topic, partitions, rate, count.
 */
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class WirePace {
    private static final long SILENCE_NANOS = 30_000_000_000L;
    /** So long before a record is due its sender stops to sleep, which ends late by about half of it. */
    private static final long SPIN_NANOS = 120_000;

    public static void main(String[] args) throws Exception {
        Load load = new Load(args);
        String topic = load.options.get("topic");
        int rate = load.count("rate");
        int count = load.count("count");
        Load.DelayLog delays = new Load.DelayLog(count);
        try (KafkaConsumer<byte[], byte[]> consumer = consumerOf(load); KafkaProducer<byte[], byte[]> producer = producerOf(load)) {
            producer.partitionsFor(topic);
            consumer.poll(Duration.ofMillis(500));
            Throwable[] failure = new Throwable[1];
            Thread writer = new Thread(() -> {
                try {
                    send(producer, topic, rate, count);
                } catch (Throwable error) {
                    failure[0] = error;
                }
            });
            writer.start();
            long heard = System.nanoTime();
            while (!delays.done()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    delays.add((int) Load.readNumber(record.value(), 0), Load.readDue(record.value(), 0));
                    heard = System.nanoTime();
                }
                if (failure[0] != null) throw new IllegalStateException(failure[0]);
                if (System.nanoTime() - heard > SILENCE_NANOS) throw new IllegalStateException(topic + " fell silent at " + delays.count);
            }
            writer.join();
        }
        delays.tell(topic);
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int rate, int count) {
        byte[] value = Load.makeValue(100);
        double interval = 1e9 / rate;
        long start = System.nanoTime() + 10_000_000;
        for (int i = 0; i < count; i++) {
            long due = start + (long) (i * interval);
            for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
                if (left > SPIN_NANOS) LockSupport.parkNanos(left - SPIN_NANOS);
                else Thread.onSpinWait();
            }
            Load.writeNumber(value, i);
            Load.writeDue(value, due);
            producer.send(new ProducerRecord<>(topic, Load.keyOf(i), value));
        }
        producer.flush();
    }

    private static KafkaProducer<byte[], byte[]> producerOf(Load load) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", load.options.get("bootstrap"));
        settings.put("acks", "all");
        settings.put("linger.ms", "0");
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static KafkaConsumer<byte[], byte[]> consumerOf(Load load) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", load.options.get("bootstrap"));
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        for (int i = 0; i < load.count("partitions"); i++) partitions.add(new TopicPartition(load.options.get("topic"), i));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        return consumer;
    }
}
