// What Kafka's own log says of a partition folder, one line per fact.
//   LogWitness DIR WORK INTERVAL
//   epoch EPOCH START             leader-epoch-checkpoint
//   start TOPIC-PARTITION OFFSET  log-start-offset-checkpoint
//   topic ID                      partition.metadata, 32 hexadecimal digits
//   snapshot OFFSET ID EPOCH SEQUENCE OFFSET TIMESTAMP
//   index BASE SUFFIX BASE64      the index that Kafka makes of the segment's batches (sealed, but for the last segment)
//   log CLEAN START END PRODUCERS what a broker's log is after it took up a copy of the folder, after a clean or an unclean stop
//   read OFFSET …                 each record that it then serves: offset, timestamp, value
import java.io.*;
import java.nio.*;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.utils.*;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.checkpoint.*;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class LogWitness {
  // The time of the folder's records: at today's the producers would have expired.
  static final Time TIME = new Time() {
    public long milliseconds() { return 1_700_000_000_000L; }
    public long nanoseconds() { return System.nanoTime(); }
    public void sleep(long ms) { Time.SYSTEM.sleep(ms); }
    public void waitObject(Object object, java.util.function.Supplier<Boolean> condition, long deadlineMs) throws InterruptedException {
      Time.SYSTEM.waitObject(object, condition, deadlineMs);
    }
  };
  static final PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false);

  public static void main(String[] args) throws Exception {
    File folder = new File(args[0]);
    File work = new File(args[1]);
    int interval = Integer.parseInt(args[2]);
    checkpoints(folder);
    snapshots(folder);
    indexes(folder, work, interval);
    for (boolean clean : new boolean[] {true, false}) load(folder, work, clean, interval);
    out.flush();
    System.exit(0);
  }

  static void checkpoints(File folder) throws IOException {
    LogDirFailureChannel failures = new LogDirFailureChannel(1);
    for (EpochEntry entry : new LeaderEpochCheckpointFile(new File(folder, "leader-epoch-checkpoint"), failures).read())
      out.println("epoch " + entry.epoch + " " + entry.startOffset);
    File start = new File(folder, "log-start-offset-checkpoint");
    if (start.exists()) new OffsetCheckpointFile(start, failures).read().forEach((partition, offset) -> out.println("start " + partition + " " + offset));
    Uuid id = new PartitionMetadataFile(new File(folder, "partition.metadata"), failures).read().topicId();
    out.println(String.format("topic %016x%016x", id.getMostSignificantBits(), id.getLeastSignificantBits()));
  }

  static void snapshots(File folder) throws IOException {
    File[] files = folder.listFiles((dir, name) -> name.endsWith(".snapshot"));
    Arrays.sort(files);
    for (File file : files)
      for (ProducerStateEntry entry : ProducerStateManager.readSnapshot(file))
        out.println("snapshot " + Long.parseLong(file.getName().substring(0, 20)) + " " + entry.producerId() + " " + entry.producerEpoch() + " "
            + entry.lastSeq() + " " + entry.lastDataOffset() + " " + entry.lastTimestamp());
  }

  static void indexes(File folder, File work, int interval) throws IOException {
    File[] files = folder.listFiles((dir, name) -> name.endsWith(".log"));
    Arrays.sort(files);
    for (int i = 0; i < files.length; i++) {
      long base = Long.parseLong(files[i].getName().substring(0, 20));
      File made = new File(work, "indexes-" + base);
      made.mkdir();
      LogSegment segment = LogSegment.open(made, base, config(interval), Time.SYSTEM, 0, false);
      try (FileRecords records = FileRecords.open(files[i], false)) {
        for (RecordBatch batch : records.batches()) {
          ByteBuffer bytes = ByteBuffer.allocate(batch.sizeInBytes());
          batch.writeTo(bytes);
          bytes.flip();
          segment.append(batch.lastOffset(), MemoryRecords.readableRecords(bytes));
        }
      }
      if (i < files.length - 1) segment.onBecomeInactiveSegment();
      segment.flush();
      // A broker that closes cleanly seals its last time index as well; this log goes on, so it is asked for what is there now.
      segment.offsetIndex().trimToValidSize();
      segment.timeIndex().trimToValidSize();
      for (String suffix : new String[] {".index", ".timeindex"}) {
        byte[] bytes = Files.readAllBytes(new File(made, String.format("%020d%s", base, suffix)).toPath());
        out.println("index " + base + " " + suffix + " " + Base64.getEncoder().encodeToString(bytes));
      }
    }
  }

  static void load(File folder, File work, boolean clean, int interval) throws Exception {
    File parent = new File(work, "load-" + clean);
    File copy = new File(parent, folder.getName());
    copy.mkdirs();
    for (File file : folder.listFiles()) Files.copy(file.toPath(), new File(copy, file.getName()).toPath());
    KafkaScheduler scheduler = new KafkaScheduler(1);
    scheduler.startup();
    ProducerStateManagerConfig producers = new ProducerStateManagerConfig(Integer.MAX_VALUE, false);
    long start = new OffsetCheckpointFile(new File(folder, "log-start-offset-checkpoint"), new LogDirFailureChannel(1)).read().values().iterator().next();
    UnifiedLog log = UnifiedLog.create(copy, config(interval), start, 0, scheduler, new BrokerTopicStats(), TIME, 1000, producers, 1000,
        new LogDirFailureChannel(1), clean, Optional.empty());
    out.println("log " + clean + " " + log.logStartOffset() + " " + log.logEndOffset() + " " + log.producerIdCount());
    for (long offset = log.logStartOffset(); offset < log.logEndOffset(); ) {
      for (RecordBatch batch : log.read(offset, 1 << 20, FetchIsolation.LOG_END, true).records.batches()) {
        batch.ensureValid();
        for (org.apache.kafka.common.record.Record record : batch)
          if (record.offset() >= offset) out.println("read " + record.offset() + " " + record.timestamp() + " " + new String(Utils.toArray(record.value())));
        offset = batch.nextOffset();
      }
    }
    log.close();
    scheduler.shutdown();
  }

  static LogConfig config(int interval) {
    Properties properties = new Properties();
    properties.put("index.interval.bytes", "" + interval);
    properties.put("retention.ms", "-1");
    return new LogConfig(properties);
  }
}
