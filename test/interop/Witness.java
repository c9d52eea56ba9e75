// What Kafka's own classes say, one line per fact, for tests to compare with. Reads its questions from standard input.
//   Witness errors                 code name retriable
//   Witness murmur2 < base64 lines hash
//   Witness records FILE           one line per batch and per record of a segment, bytes as base64
import java.io.*;
import java.util.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.utils.Utils;

public class Witness {
  static final PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false);

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "errors" -> errors();
      case "murmur2" -> murmur2();
      case "records" -> {
        for (int i = 1; i < args.length; i++) records(args[i]);
      }
      default -> throw new IllegalArgumentException(args[0]);
    }
    out.flush();
  }

  static void errors() {
    for (Errors error : Errors.values())
      out.println(error.code() + " " + error.name() + " " + (error.exception() instanceof RetriableException));
  }

  static void murmur2() throws IOException {
    var in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) out.println(Utils.murmur2(Base64.getDecoder().decode(line)));
  }

  static void records(String file) throws IOException {
    try (FileRecords segment = FileRecords.open(new File(file), false)) {
      for (RecordBatch batch : segment.batches()) {
        batch.ensureValid();
        out.println(String.join("\t", "batch", "" + batch.baseOffset(), "" + batch.lastOffset(), batch.compressionType().name,
            batch.timestampType().name, "" + batch.maxTimestamp(), "" + batch.producerId(), "" + batch.producerEpoch(),
            "" + batch.baseSequence(), "" + batch.partitionLeaderEpoch(), "" + batch.isTransactional()));
        for (org.apache.kafka.common.record.Record record : batch) {
          StringJoiner line = new StringJoiner("\t");
          line.add("record").add("" + record.offset()).add("" + record.timestamp());
          line.add(field(record.hasKey() ? Utils.toArray(record.key()) : null));
          line.add(field(record.hasValue() ? Utils.toArray(record.value()) : null));
          for (Header header : record.headers()) line.add(field(header.key().getBytes("UTF-8"))).add(field(header.value()));
          out.println(line);
        }
      }
    }
  }

  static String field(byte[] bytes) {
    return bytes == null ? "-" : "=" + Base64.getEncoder().encodeToString(bytes);
  }
}
