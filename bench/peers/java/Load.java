/** The same load, checks and lines as the Node side of the bench (bench/records.ts, bench/pace.ts, bench/peers/work.ts), in Java. */
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

final class Load {
    static final int KEY_BYTES = 8;
    static final int DUE_AT = 8;
    static final byte[][] KEYS = new byte[1024][];

    static {
        for (int i = 0; i < KEYS.length; i++) KEYS[i] = String.format("k%07d", i).getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Arguments of the form name=value. */
    final Map<String, String> options = new HashMap<>();

    Load(String[] args) {
        for (String arg : args) {
            int at = arg.indexOf('=');
            options.put(arg.substring(0, at), arg.substring(at + 1));
        }
    }

    int count(String name) {
        return Integer.parseInt(options.get(name));
    }

    boolean wants(String work) {
        return work.contains(options.getOrDefault("only", ""));
    }

    static byte[] keyOf(int index) {
        return KEYS[index & (KEYS.length - 1)];
    }

    static byte[] makeValue(int bytes) {
        byte[] value = new byte[bytes];
        Arrays.fill(value, (byte) 'a');
        return value;
    }

    static void writeNumber(byte[] value, int index) {
        for (int i = 0; i < 4; i++) value[i] = (byte) (index >>> (8 * i));
    }

    static long readNumber(byte[] bytes, int at) {
        return (bytes[at] & 0xffL) | (bytes[at + 1] & 0xffL) << 8 | (bytes[at + 2] & 0xffL) << 16 | (bytes[at + 3] & 0xffL) << 24;
    }

    static void writeDue(byte[] value, long nanos) {
        for (int i = 0; i < 8; i++) value[DUE_AT + i] = (byte) (nanos >>> (8 * i));
    }

    static long readDue(byte[] bytes, int at) {
        long nanos = 0;
        for (int i = 7; i >= 0; i--) nanos = nanos << 8 | (bytes[at + DUE_AT + i] & 0xffL);
        return nanos;
    }

    static final class Tally {
        long count;
        long sum;

        void take(byte[] key, byte[] value) {
            count++;
            sum += readNumber(value, 0) + key[KEY_BYTES - 1];
        }

        String check() {
            return count + ":" + sum;
        }
    }

    static void tell(String work, double value, String unit, String check) {
        System.out.printf(Locale.ROOT, "{\"work\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"check\":\"%s\"}%n", work, value, unit, check);
        System.out.flush();
    }

    static double perSecond(int count, long startNanos) {
        return count / ((System.nanoTime() - startNanos) / 1e9);
    }

    interface Sender {
        void send(int index, long dueNanos) throws Exception;
    }

    /** Sends each record when it is due, spinning in between. */
    static void sendAtPace(int recordsPerSecond, int count, Sender sender) throws Exception {
        double interval = 1e9 / recordsPerSecond;
        long start = System.nanoTime() + 1_000_000;
        for (int i = 0; i < count; i++) {
            long due = start + (long) (i * interval);
            while (System.nanoTime() < due) Thread.onSpinWait();
            sender.send(i, due);
        }
    }

    /** Delays by record number; the first fifth does not count. */
    static final class DelayLog {
        private final double[] us;
        int count;

        DelayLog(int count) {
            us = new double[count];
        }

        void add(int index, long dueNanos) {
            us[index] = (System.nanoTime() - dueNanos) / 1e3;
            count++;
        }

        boolean done() {
            return count == us.length;
        }

        void tell(String work) {
            double[] sorted = Arrays.copyOfRange(us, us.length / 5, us.length);
            Arrays.sort(sorted);
            System.out.printf(Locale.ROOT, "{\"work\":\"%s\",\"value\":%.2f,\"p99Us\":%.2f,\"p999Us\":%.2f,\"unit\":\"µs\",\"check\":\"%d\"}%n",
                work, at(sorted, 0.5), at(sorted, 0.99), at(sorted, 0.999), count);
            System.out.flush();
        }

        private static double at(double[] sorted, double share) {
            return sorted[(int) Math.round(share * (sorted.length - 1))];
        }
    }
}
