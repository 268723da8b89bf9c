import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;

/** The records of the client suite, each a pure function of its index; ../python/records.py states the rules. */
final class Records {
    static final long BASE_MS = 1_700_000_000_000L;
    static final long STEP_MS = 7;

    static long timeMs(long i) {
        return BASE_MS + STEP_MS * i;
    }

    static long countIn(long partition, long partitions, long count) {
        return (count - partition + partitions - 1) / partitions;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    static byte[] key(boolean full, long i) {
        byte[] name = ascii(String.format("key-%08d", i));
        if (!full) return name;
        if (i % 10 == 9) return null;
        byte[] key = Arrays.copyOf(name, name.length + 1);
        key[name.length] = (byte) i;
        return key;
    }

    static byte[] value(boolean full, long i) {
        if (full && i % 100 == 57) return null;
        byte[] value = new byte[(int) (i * 7919 % 300) + (full ? 0 : 1)];
        for (int j = 0; j < value.length; j++) {
            int b = (int) (i * 31 + j / 8 * 7) & 255;
            value[j] = (byte) (full ? b : 'a' + b % 26);
        }
        return value;
    }

    static List<Header> headers(boolean full, long i) {
        List<Header> made = new ArrayList<>();
        if (!full) made.add(new RecordHeader("origin", ascii("kcat")));
        if (full && i % 4 > 0) made.add(new RecordHeader("h0", ascii("v" + i)));
        if (full && i % 4 > 1) made.add(new RecordHeader("h0", ascii("w" + i)));
        if (full && i % 4 > 2) made.add(new RecordHeader("h1", new byte[0]));
        return made;
    }

    /** Throws, naming the field, unless the record is the one that belongs at its offset. */
    static void check(boolean full, int partitions, ConsumerRecord<byte[], byte[]> r) {
        long i = r.offset() * partitions + r.partition();
        String where = r.topic() + "-" + r.partition() + "@" + r.offset();
        require(Arrays.equals(r.key(), key(full, i)), where + ": key differs from record " + i);
        require(Arrays.equals(r.value(), value(full, i)), where + ": value differs from record " + i);
        require(Arrays.asList(r.headers().toArray()).equals(headers(full, i)), where + ": headers differ from record " + i);
        require(r.timestampType() == TimestampType.CREATE_TIME, where + ": timestamp type " + r.timestampType());
        require(full ? r.timestamp() == timeMs(i) : r.timestamp() > BASE_MS, where + ": timestamp " + r.timestamp());
    }

    static void require(boolean holds, String what) {
        if (!holds) throw new IllegalStateException(what);
    }

    /** Pairs of target time and the offset that must be answered; -1: past the last record. */
    static long[][] timeProbes(int p, int partitions, long count) {
        long n = countIn(p, partitions, count);
        long first = timeMs(p), third = timeMs(n / 3 * partitions + p), last = timeMs((n - 1) * partitions + p);
        return new long[][] {
            {BASE_MS - 100_000, 0}, {first, 0}, {third, n / 3}, {third + 1, n / 3 + 1}, {last, n - 1}, {last + 1, -1}
        };
    }

    static long[] offsetProbes(int p, int partitions, long count) {
        long n = countIn(p, partitions, count);
        return new long[] {n / 2, n - 1, 0, n / 7};
    }

    private Records() {}
}
