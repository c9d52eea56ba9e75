// Produces the records of a file (see capture.ts) with Kafka's Java client: Produce BOOTSTRAP TASKS
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Produce {
  public static void main(String[] args) throws Exception {
    for (String line : Files.readAllLines(Path.of(args[1]))) {
      String[] task = line.split(" ");
      produce(args[0], Path.of(task[0]), task[1], task[2], task[3].equals("true"));
    }
  }

  static void produce(String bootstrap, Path file, String topic, String codec, boolean transactional) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("compression.type", codec);
    settings.put("linger.ms", "60000");
    settings.put("batch.size", "1000000");
    if (transactional) settings.put("transactional.id", topic);
    try (var producer = new KafkaProducer<byte[], byte[]>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      if (transactional) producer.initTransactions();
      if (transactional) producer.beginTransaction();
      for (String line : Files.readAllLines(file)) {
        String[] field = line.split("\t");
        var record = new ProducerRecord<>(topic, 0, Long.valueOf(field[0]), bytes(field[1]), bytes(field[2]));
        for (int i = 3; i < field.length; i += 2) record.headers().add(new String(bytes(field[i]), "UTF-8"), bytes(field[i + 1]));
        producer.send(record);
      }
      producer.flush();
      if (transactional) producer.commitTransaction();
    }
  }

  static byte[] bytes(String field) {
    return field.equals("-") ? null : Base64.getDecoder().decode(field.substring(1));
  }
}
