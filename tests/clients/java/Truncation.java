import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A reader that must be told when the log it has read was cut behind its back.
 *
 * <p>java -cp 'CLASSES:LIB/*' Truncation BOOTSTRAP TOPIC PARTITION COUNT [SECONDS]
 *
 * <p>Reads the partition from offset 0 by assignment, with auto.offset.reset=none, until it has COUNT records, prints `position OFFSET
 * epoch EPOCH`, and holds that position. A line on standard input says that the broker is back, with fewer old records and enough new ones
 * to reach beyond the position. It then polls for up to SECONDS (30).
 *
 * <p>Exit status: 0 told of the truncation (`truncated ...`: LogTruncationException, which OffsetForLeaderEpoch with a diverging epoch
 * raises, or OffsetOutOfRange); 1 records came as if nothing had happened; 2 nothing came and nothing was said; 3 bad usage, too few
 * records, or another error.
 *
 * <p>run.py --build-java prints the class path to use.
 */
public final class Truncation {
    public static void main(String[] args) throws Exception {
        if (args.length < 4) {
            System.err.println("usage: Truncation BOOTSTRAP TOPIC PARTITION COUNT [SECONDS]");
            System.exit(3);
        }
        TopicPartition tp = new TopicPartition(args[1], Integer.parseInt(args[2]));
        long count = Long.parseLong(args[3]);
        long waitMs = 1000 * (args.length > 4 ? Long.parseLong(args[4]) : 30);
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", args[0], "auto.offset.reset", "none", "enable.auto.commit", false,
            "reconnect.backoff.max.ms", 200, "max.poll.records", 100, "fetch.max.wait.ms", 100);
        int status = 3;
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(tp));
            consumer.seek(tp, 0);
            long have = 0;
            int epoch = -1;
            for (long end = System.currentTimeMillis() + waitMs; have < count && System.currentTimeMillis() < end; ) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) {
                    have++;
                    epoch = r.leaderEpoch().orElse(-1);
                }
            }
            if (have < count) {
                System.out.println("only " + have + " of " + count + " records came");
                System.exit(3);
            }
            System.out.println("position " + consumer.position(tp) + " epoch " + epoch);
            new BufferedReader(new InputStreamReader(System.in)).readLine();
            status = afterwards(consumer, waitMs);
        } catch (Exception e) {
            System.out.println("error " + e);
        }
        System.exit(status);
    }

    private static int afterwards(KafkaConsumer<byte[], byte[]> consumer, long waitMs) {
        try {
            for (long end = System.currentTimeMillis() + waitMs; System.currentTimeMillis() < end; ) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println("read on at " + r.offset() + " epoch " + r.leaderEpoch());
                    return 1;
                }
            }
        } catch (OffsetOutOfRangeException e) { // LogTruncationException is one
            System.out.println("truncated " + e);
            return 0;
        }
        System.out.println("nothing came");
        return 2;
    }
}
