/** Chronicle Queue: one process, memory-mapped files, a busy-waiting reader. One queue; it has no partitions. */
import java.io.File;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.wire.DocumentContext;

public final class ChroniclePeer {
    public static void main(String[] args) throws Exception {
        Load load = new Load(args);
        String folder = load.options.get("folder");
        warmUp(folder + "/warm-up", load.count("records100") / 2);
        replayed(load, folder + "/small", "100 B", 100, load.count("records100"));
        if (load.wants("both 100 B")) both(folder + "/both", load.count("records100"));
        replayed(load, folder + "/large", "1 KiB", 1024, load.count("records1k"));
        int ms = load.count("latencyMs");
        if (load.wants("latency 1,000/s")) latency(folder + "/slow", "latency 1,000/s", 1_000, ms);
        if (load.wants("latency 50,000/s")) latency(folder + "/fast", "latency 50,000/s", 50_000, 50 * ms);
    }

    private static void warmUp(String path, int count) {
        try (ChronicleQueue queue = ChronicleQueue.single(path)) {
            produce(queue, 100, count);
            replay(queue, 100, count);
        }
        remove(path);
    }

    private static void replayed(Load load, String path, String size, int valueBytes, int count) {
        if (!load.wants("produce " + size) && !load.wants("replay " + size)) return;
        try (ChronicleQueue queue = ChronicleQueue.single(path)) {
            long start = System.nanoTime();
            produce(queue, valueBytes, count);
            double rate = Load.perSecond(count, start);
            Load.tell("produce " + size, rate, "records/s", String.valueOf(count));
            start = System.nanoTime();
            String check = replay(queue, valueBytes, count);
            Load.tell("replay " + size, Load.perSecond(count, start), "records/s", check);
        }
        remove(path);
    }

    private static void both(String path, int count) throws Exception {
        try (ChronicleQueue queue = ChronicleQueue.single(path)) {
            String[] check = new String[1];
            long start = System.nanoTime();
            Thread reader = new Thread(() -> check[0] = replay(queue, 100, count));
            reader.start();
            produce(queue, 100, count);
            reader.join();
            Load.tell("both 100 B", Load.perSecond(count, start), "records/s", check[0]);
        }
        remove(path);
    }

    private static void latency(String path, String work, int recordsPerSecond, int count) throws Exception {
        try (ChronicleQueue queue = ChronicleQueue.single(path)) {
            Load.DelayLog delays = new Load.DelayLog(count);
            Thread reader = new Thread(() -> {
                try (ExcerptTailer tailer = queue.createTailer()) {
                    byte[] value = new byte[100];
                    while (!delays.done()) {
                        try (DocumentContext document = tailer.readingDocument()) {
                            if (!document.isPresent()) continue;
                            Bytes<?> bytes = document.wire().bytes();
                            bytes.readSkip(Load.KEY_BYTES);
                            bytes.read(value);
                            delays.add((int) Load.readNumber(value, 0), Load.readDue(value, 0));
                        }
                    }
                }
            });
            reader.start();
            try (ExcerptAppender appender = queue.createAppender()) {
                byte[] value = Load.makeValue(100);
                Load.sendAtPace(recordsPerSecond, count, (index, due) -> {
                    Load.writeNumber(value, index);
                    Load.writeDue(value, due);
                    append(appender, Load.keyOf(index), value);
                });
            }
            reader.join();
            delays.tell(work);
        }
        remove(path);
    }

    private static void produce(ChronicleQueue queue, int valueBytes, int count) {
        byte[] value = Load.makeValue(valueBytes);
        try (ExcerptAppender appender = queue.createAppender()) {
            for (int i = 0; i < count; i++) {
                Load.writeNumber(value, i);
                append(appender, Load.keyOf(i), value);
            }
        }
    }

    private static void append(ExcerptAppender appender, byte[] key, byte[] value) {
        try (DocumentContext document = appender.writingDocument()) {
            document.wire().bytes().write(key).write(value);
        }
    }

    private static String replay(ChronicleQueue queue, int valueBytes, int count) {
        Load.Tally tally = new Load.Tally();
        byte[] key = new byte[Load.KEY_BYTES];
        byte[] value = new byte[valueBytes];
        try (ExcerptTailer tailer = queue.createTailer()) {
            while (tally.count < count) {
                try (DocumentContext document = tailer.readingDocument()) {
                    if (!document.isPresent()) continue;
                    Bytes<?> bytes = document.wire().bytes();
                    bytes.read(key);
                    bytes.read(value);
                    tally.take(key, value);
                }
            }
        }
        return tally.check();
    }

    private static void remove(String path) {
        File[] files = new File(path).listFiles();
        if (files != null) for (File file : files) file.delete();
        new File(path).delete();
    }
}
